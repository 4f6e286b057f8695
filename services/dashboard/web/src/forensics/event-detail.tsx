import { useEffect, useRef } from 'preact/hooks'
import type { EventView } from '../../../src/forensics/answers.ts'
import type { LogPosition } from '../../../src/live/answers.ts'
import { useResource } from '../data/index.ts'
import { positionText, Time } from '../format/index.ts'
import { CopyButton, Empty, ErrorMessage, Icon, Identity, Loading, splitIdentity } from '../layout/index.ts'
import { toneOf } from './event-tones.ts'
import { eventPath, requestPath } from './links.tsx'

/** One event in full, and the ways on from it. */
export function EventDetail({ place, onClose }: { place: LogPosition; onClose: () => void }) {
  const { data, error, reload } = useResource<EventView>(`/api${eventPath(place)}`)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  const isMissing = error?.status === 404 || error?.status === 400
  return (
    <section class="event-detail" aria-labelledby="event-title" data-testid="event-detail">
      <header class="event-detail-head">
        <h2 id="event-title" ref={heading} tabIndex={-1}>
          <code>{positionText(place)}</code>
        </h2>
        <button type="button" class="bare" aria-label="Close the event" title="Close" onClick={onClose}>
          <Icon name="cross" />
        </button>
      </header>
      {isMissing && <Empty icon="search">{error.message}</Empty>}
      {error && !isMissing && <ErrorMessage error={error} retry={reload} />}
      {!data && !error && <Loading rows={6} />}
      {data && <Whole view={data} />}
    </section>
  )
}

function Whole({ view }: { view: EventView }) {
  const json = typeof view.event === 'string' ? view.event : JSON.stringify(view.event, null, 2)
  const around = (ms: number) => new Date(view.at + ms).toISOString()
  return (
    <>
      <Fields view={view} />
      <div class="event-orders">
        <CopyButton text={json} label="Copy JSON" />
        <a class="button small" href={`/forensics?from=${around(-2_000)}&to=${around(2_000)}`}>
          2 s around this event
        </a>
      </div>
      <section
        class="event-json"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
        tabIndex={0}
        aria-label="The event as JSON"
        data-testid="event-json"
      >
        <pre>{json}</pre>
      </section>
    </>
  )
}

function Fields({ view }: { view: EventView }) {
  const { fact, readable, identity, request, incident, at, time, subject, names } = view
  const owner = identity === null ? undefined : splitIdentity(identity)
  return (
    <dl class="event-facts">
      <dt>Event</dt>
      <dd class={`event-fact ${readable ? toneOf(fact) : 'bad'}`}>
        {readable ? fact : `${fact}, unreadable`}
      </dd>
      <dt>Happened</dt>
      <dd>{time === null ? '–' : <Time at={time} />}</dd>
      <dt>Stored</dt>
      <dd>
        <Time at={at} />
      </dd>
      {owner && (
        <>
          <dt>Identity</dt>
          <dd>
            <a href={`/identities/${encodeURIComponent(identity!)}`}>
              <Identity user={owner.user} apiKey={owner.apiKey} names={names} />
            </a>
          </dd>
        </>
      )}
      {request !== null && (
        <>
          <dt>Request</dt>
          <dd>
            <a href={requestPath(request)} data-testid="event-request">
              <code>{request}</code>
            </a>
          </dd>
        </>
      )}
      {incident !== null && (
        <>
          <dt>Incident</dt>
          <dd>
            <a href={`/incidents/${encodeURIComponent(incident)}`}>
              <code>{incident}</code>
            </a>
          </dd>
        </>
      )}
      <dt>Subject</dt>
      <dd>
        <code>{subject}</code>
      </dd>
    </dl>
  )
}
