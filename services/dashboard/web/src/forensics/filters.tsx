import { useEffect, useState } from 'preact/hooks'
import { navigate, useRoute } from '../router/index.ts'
import { FACTS } from './event-tones.ts'
import { SpanFields, spanAt, withQuery } from './span.tsx'

export const EVENTS_PATH = '/forensics'
const STREAM_NAMES = ['requests', 'tokens', 'auth', 'throttles', 'incidents'] as const

/** The search that the address holds, as the server takes it; relative ranges count from `nowMs`. */
export function searchText(query: URLSearchParams, nowMs: number): string {
  const wanted = new URLSearchParams()
  for (const name of ['streams', 'fact', 'identity', 'text', 'order']) {
    const value = query.get(name)
    if (value) wanted.set(name, value)
  }
  const { from, to } = spanAt(query, 'all', nowMs)
  if (from !== undefined) wanted.set('from', String(from))
  if (to !== undefined) wanted.set('to', String(to))
  return wanted.toString()
}

/** Every filter stands in the address. Texts count when they are entered, not with each letter. */
export function Filters() {
  const { query } = useRoute()
  const change = (changes: Record<string, string | undefined>) =>
    navigate(withQuery(EVENTS_PATH, query, changes))
  const streams = query.get('streams')?.split(',') ?? []
  const toggle = (name: string) => {
    const now = streams.includes(name) ? streams.filter(each => each !== name) : [...streams, name]
    change({ streams: STREAM_NAMES.filter(each => now.includes(each)).join(',') })
  }
  return (
    <form class="filters" aria-label="Filters" onSubmit={event => event.preventDefault()}>
      <fieldset class="stream-set">
        <legend class="sr">Streams</legend>
        {STREAM_NAMES.map(name => (
          <label key={name} class="chip">
            <input type="checkbox" checked={streams.includes(name)} onChange={() => toggle(name)} />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      <label class="field">
        <span>Event</span>
        <select
          data-testid="filter-fact"
          value={query.get('fact') ?? ''}
          onChange={event => change({ fact: event.currentTarget.value })}
        >
          <option value="">any</option>
          {STREAM_NAMES.map(stream => (
            <optgroup key={stream} label={stream}>
              {factsOf(stream).map(fact => (
                <option key={fact} value={fact}>
                  {fact}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
      <TextFilter label="Identity" name="identity" hint="user or user.key" onChange={change} />
      <TextFilter label="Text" name="text" hint="an id, an address" onChange={change} />
      <SpanFields path={EVENTS_PATH} fallback="all" />
      <label class="field">
        <span>Order</span>
        <select
          data-testid="filter-order"
          value={query.get('order') ?? 'newest'}
          onChange={event =>
            change({
              order: event.currentTarget.value === 'oldest' ? 'oldest' : undefined,
              ...(event.currentTarget.value === 'oldest' ? { tail: undefined } : {}),
            })
          }
        >
          <option value="newest">Newest first</option>
          <option value="oldest">Oldest first</option>
        </select>
      </label>
    </form>
  )
}

function factsOf(stream: string): string[] {
  return Object.keys(FACTS)
    .filter(name => name.startsWith(`${stream}.`))
    .map(name => name.slice(stream.length + 1))
}

function TextFilter(props: {
  label: string
  name: string
  hint: string
  onChange: (changes: Record<string, string | undefined>) => void
}) {
  const { label, name, hint, onChange } = props
  const current = useRoute().query.get(name) ?? ''
  const [text, setText] = useState(current)
  useEffect(() => setText(current), [current])
  const enter = () => {
    if (text.trim() !== current) onChange({ [name]: text.trim() })
  }
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="search"
        data-testid={`filter-${name}`}
        placeholder={hint}
        spellcheck={false}
        autoComplete="off"
        maxLength={200}
        value={text}
        onInput={event => setText(event.currentTarget.value)}
        onBlur={enter}
        onKeyDown={event => event.key === 'Enter' && enter()}
      />
    </label>
  )
}
