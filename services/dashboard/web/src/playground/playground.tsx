import { useEffect, useRef, useState } from 'preact/hooks'
import type { SessionView } from '../../../src/sessions/answers.ts'
import { useResource } from '../data/index.ts'
import { duration } from '../format/index.ts'
import { Empty, Icon, Loaded, PageHead, Panel } from '../layout/index.ts'
import { type ChatEnd, type ChatFigures, chat, type Message } from './chat.ts'

interface ModelList {
  readonly data: ReadonlyArray<{ readonly id: string }>
}

interface Turn extends Message {
  readonly end?: ChatEnd
}

/** Tries a model as a client of one's own would call it: streamed, limited and settled like any other call. */
export function Playground({ me }: { me: SessionView }) {
  const models = useResource<ModelList>('/play/models')
  const [model, setModel] = useState(me.model)
  const [maxTokens, setMaxTokens] = useState('')
  const talk = useTalk()
  const names = models.data?.data.map(({ id }) => id) ?? []
  const options = names.includes(model) ? names : [model, ...names]
  return (
    <>
      <PageHead title="Playground" />
      <Panel
        title="Conversation"
        class="play"
        aside={
          talk.turns.length > 0 && (
            <button type="button" class="small" onClick={talk.clear} disabled={talk.isRunning}>
              Clear
            </button>
          )
        }
      >
        {models.error && <Loaded resource={models}>{() => null}</Loaded>}
        <div
          class="play-turns"
          role="log"
          aria-label="Conversation"
          aria-busy={talk.isRunning}
          data-testid="play-turns"
        >
          {talk.turns.length === 0 ? (
            <Empty icon="play">Send a message. It is an ordinary call and counts against your limits.</Empty>
          ) : (
            talk.turns.map((turn, i) => <TurnShown key={i} turn={turn} />)
          )}
        </div>
        <Composer
          isRunning={talk.isRunning}
          onSend={text => talk.send(text, model, Number(maxTokens) || undefined)}
          onStop={talk.stop}
        >
          <label class="field">
            <span>Model</span>
            <select
              data-testid="play-model"
              value={model}
              onChange={event => setModel(event.currentTarget.value)}
            >
              {options.map(name => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label class="field">
            <span>Max output tokens</span>
            <input
              type="number"
              min={1}
              max={1_000_000}
              placeholder="default"
              value={maxTokens}
              onInput={event => setMaxTokens(event.currentTarget.value)}
            />
          </label>
        </Composer>
      </Panel>
    </>
  )
}

function useTalk() {
  const [turns, setTurns] = useState<readonly Turn[]>([])
  const [running, setRunning] = useState<AbortController>()
  useEffect(() => () => running?.abort(), [running])

  async function send(text: string, model: string, maxTokens: number | undefined): Promise<void> {
    const asked: Turn[] = [...turns.filter(hasContent), { role: 'user', content: text }]
    const stop = new AbortController()
    setRunning(stop)
    let answer = ''
    const show = (end?: ChatEnd) =>
      setTurns([...asked, { role: 'assistant', content: answer, ...(end ? { end } : {}) }])
    show()
    const messages = asked.map(({ role, content }) => ({ role, content }))
    const end = await chat(
      { model, messages, maxTokens },
      piece => {
        answer += piece
        show()
      },
      stop.signal,
    )
    show(end)
    setRunning(undefined)
  }

  return {
    turns,
    send,
    isRunning: running !== undefined,
    stop: () => running?.abort(),
    clear: () => setTurns([]),
  }
}

/** A model that is asked on hears what was said, not that nothing was. */
function hasContent(turn: Turn): boolean {
  return turn.content !== ''
}

function TurnShown({ turn: { role, content, end } }: { turn: Turn }) {
  const isWaiting = role === 'assistant' && content === '' && !end
  return (
    <article class={`play-turn ${role}`}>
      <h3>{role === 'user' ? 'You' : 'Model'}</h3>
      {isWaiting ? <p class="muted">Waiting for the first token…</p> : content !== '' && <p>{content}</p>}
      {end?.kind === 'failed' && (
        <p class="play-error" role="alert">
          {end.error.message}
        </p>
      )}
      {end && <Figures end={end} />}
    </article>
  )
}

function Figures({ end }: { end: ChatEnd }) {
  return (
    <p class="play-figures num" data-testid="play-figures">
      {end.kind === 'stopped' && <span>stopped</span>}
      {figureTexts(end.figures).map(text => (
        <span key={text}>{text}</span>
      ))}
    </p>
  )
}

function figureTexts(figures: ChatFigures): string[] {
  const { firstTokenMs, totalMs, promptTokens, completionTokens, tokensLeft, requestId } = figures
  const time = (ms: number) => {
    const { value, unit } = duration(ms)
    return `${value} ${unit}`
  }
  return [
    firstTokenMs === undefined ? '' : `first token after ${time(firstTokenMs)}`,
    `${time(totalMs)} total`,
    promptTokens === undefined ? '' : `${promptTokens} + ${completionTokens} tokens`,
    tokensLeft === undefined ? '' : `${tokensLeft} tokens left`,
    requestId ?? '',
  ].filter(text => text !== '')
}

function Composer(props: {
  isRunning: boolean
  onSend: (text: string) => void
  onStop: () => void
  children: preact.ComponentChildren
}) {
  const [text, setText] = useState('')
  const form = useRef<HTMLFormElement>(null)
  const canSend = text.trim() !== '' && !props.isRunning

  function send(event: SubmitEvent): void {
    event.preventDefault()
    if (!canSend) return
    props.onSend(text.trim())
    setText('')
  }

  return (
    <form ref={form} class="play-composer" onSubmit={send}>
      <label class="field">
        <span>Message</span>
        <textarea
          rows={3}
          data-testid="play-text"
          value={text}
          placeholder="Enter sends, Shift+Enter adds a line"
          onInput={event => setText(event.currentTarget.value)}
          onKeyDown={event => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
            event.preventDefault()
            form.current?.requestSubmit()
          }}
        />
      </label>
      <div class="play-settings">
        {props.children}
        {props.isRunning ? (
          <button type="button" class="danger" data-testid="play-stop" onClick={props.onStop}>
            <Icon name="stop" size={16} />
            Stop
          </button>
        ) : (
          <button type="submit" class="primary" data-testid="play-send" disabled={!canSend}>
            <Icon name="play" size={16} />
            Send
          </button>
        )}
      </div>
    </form>
  )
}
