import type { DroppedView } from '../../../src/forensics/answers.ts'
import type { LogPosition } from '../../../src/live/answers.ts'
import { count, placeText, positionText, Time } from '../format/index.ts'

export function eventPath(place: LogPosition): string {
  return `/forensics/events/${place.stream}/${placeText(place)}`
}

export function requestPath(request: string): string {
  return `/forensics/requests/${encodeURIComponent(request)}`
}

export function PositionLink({ place }: { place: LogPosition }) {
  return (
    <a class="position-link" href={eventPath(place)}>
      <code>{positionText(place)}</code>
    </a>
  )
}

export function IdentityLink({ identity }: { identity: string }) {
  return (
    <a href={`/identities/${encodeURIComponent(identity)}`} title="Open the identity">
      {identity}
    </a>
  )
}

/** Parts of the log that nobody can ask about any more. */
export function Dropped({ dropped }: { dropped: readonly DroppedView[] }) {
  if (dropped.length === 0) return null
  return (
    <ul class="dropped" data-testid="dropped">
      {dropped.map(({ stream, messages, firstStoredAt }) => (
        <li key={stream}>
          Retention has dropped {count(messages)} messages of <code>{stream}</code>
          {firstStoredAt === null ? (
            ': it holds nothing now.'
          ) : (
            <>
              : it begins at <Time at={firstStoredAt} />.
            </>
          )}
        </li>
      ))}
    </ul>
  )
}
