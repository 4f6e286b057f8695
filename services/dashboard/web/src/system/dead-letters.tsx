import { useState } from 'preact/hooks'
import type { DeadLetterPage, DeadLetterView, SystemView } from '../../../src/system/answers.ts'
import { post, useResource } from '../data/index.ts'
import { OrderDialog } from '../dialogs/index.ts'
import { bytes, setting, Time } from '../format/index.ts'
import { Badge, Empty, Loaded, PageHead, Panel } from '../layout/index.ts'
import { useRoute } from '../router/index.ts'
import { SystemTabs } from './system.tsx'

const MAX_REASON = 4_000

/** Messages that could not be read or handled, why, and the way back for them. */
export function DeadLetters() {
  const before = Number(useRoute().query.get('before')) || undefined
  const path = `/api/dead-letters${before === undefined ? '' : `?before=${before}`}`
  const page = useResource<DeadLetterPage>(path)
  const system = useResource<SystemView>('/api/system')
  const [chosen, setChosen] = useState<DeadLetterView>()
  return (
    <>
      <PageHead title="Dead letters">
        <SystemTabs here="/system/dead-letters" letters={system.data?.deadLetters ?? null} />
      </PageHead>
      <Panel title={before === undefined ? 'Newest first' : `Before #${setting(before)}`} class="list-panel">
        <Loaded resource={page} rows={6}>
          {({ items, next }) =>
            items.length === 0 ? (
              <Empty icon="check">No dead letters.</Empty>
            ) : (
              <>
                <ul class="rows">
                  {items.map(letter => (
                    <Letter key={letter.sequence} letter={letter} onReplay={() => setChosen(letter)} />
                  ))}
                </ul>
                {next !== null && (
                  <a class="more" href={`/system/dead-letters?before=${next}`}>
                    Older
                  </a>
                )}
              </>
            )
          }
        </Loaded>
      </Panel>
      {chosen && (
        <Replay
          letter={chosen}
          onClose={() => {
            setChosen(undefined)
            page.reload()
            system.reload()
          }}
        />
      )}
    </>
  )
}

function Letter({ letter, onReplay }: { letter: DeadLetterView; onReplay: () => void }) {
  const { sequence, at, reason, consumer, stream, original, subject, event, body, replayed } = letter
  return (
    <li class="row letter" data-testid="letter-row" data-sequence={sequence}>
      <div class="row-main">
        <p class="row-title">
          {reason}
          {replayed && <Badge tone="good">replayed</Badge>}
        </p>
        <p class="row-note">
          {stream} #{setting(original)} · rejected by {consumer} · <Time at={at} />
        </p>
        {replayed && (
          <p class="row-note">
            Replayed by {replayed.by} <Time at={replayed.at} />: {replayed.reason}
          </p>
        )}
        <details>
          <summary>Message, {bytes(letter.bytes)}</summary>
          <p class="muted">
            <code>{subject}</code>
          </p>
          <pre class="letter-body">{pretty(body)}</pre>
        </details>
      </div>
      {!replayed && (
        <button
          type="button"
          class="small"
          data-testid="replay-button"
          disabled={event === null}
          title={event === null ? 'Without an event id it cannot be replayed.' : ''}
          onClick={onReplay}
        >
          Replay
        </button>
      )}
    </li>
  )
}

function Replay({ letter, onClose }: { letter: DeadLetterView; onClose: () => void }) {
  return (
    <OrderDialog
      title="Replay this message?"
      label="Reason"
      placeholder="Why it can be handled now. It is recorded in the log."
      confirm="Replay"
      maxLength={MAX_REASON}
      testId="replay"
      done="Replayed."
      order={reason => post(`/api/dead-letters/${letter.sequence}/replay`, { reason })}
      onClose={onClose}
    >
      <p>
        It is published again to <code>{letter.subject}</code> under its own id <code>{letter.event}</code>.
        Consumers that have handled it ignore it. It can be replayed once.
      </p>
    </OrderDialog>
  )
}

/** Indented where it is whole JSON. */
function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2)
  } catch {
    return body
  }
}
