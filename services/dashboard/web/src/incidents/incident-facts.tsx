import type { IncidentView } from '../../../src/incidents/answers.ts'
import type { LogPosition } from '../../../src/live/answers.ts'
import { humanized, placeText, setting, Time } from '../format/index.ts'
import { Panel } from '../layout/index.ts'

const UNITS: ReadonlyArray<readonly [ending: RegExp, unit: string]> = [
  [/_?ms$/i, 'ms'],
  [/_?seconds$/i, 's'],
  [/_?tokens$/i, 'tokens'],
  [/_?requests$/i, 'requests'],
  [/_?percent$/i, '%'],
]

/** The figures that the guard compared. A name ends with its unit, as all names do here. */
export function IncidentNumbers({ numbers }: { numbers: Readonly<Record<string, number>> }) {
  return (
    <dl class="numbers">
      {Object.entries(numbers).map(([name, value]) => {
        const [ending, unit] = UNITS.find(([end]) => end.test(name)) ?? []
        const bare = ending ? name.replace(ending, '') : name
        return (
          <div key={name}>
            <dt>{humanized(bare || name)}</dt>
            <dd class="num">
              {setting(value)}
              {unit && <span class="unit"> {unit}</span>}
            </dd>
          </div>
        )
      })}
    </dl>
  )
}

/** Places in the log that the guard or the report cites; those of the report are marked. */
export function IncidentEvidence({ incident }: { incident: IncidentView }) {
  const cited = new Set((incident.report?.evidence ?? []).map(positionText))
  const places = [...new Set([...incident.evidence.map(positionText), ...cited])]
  return (
    <Panel title="Cited evidence" aside={<span class="count num">{places.length}</span>}>
      {places.length === 0 && <p class="prose muted">No log positions are cited.</p>}
      <ul class="evidence">
        {places.map(place => (
          <li
            key={place}
            class={cited.has(place) ? 'cited' : ''}
            title={cited.has(place) ? 'Cited by the report' : 'Cited by the guard'}
          >
            <a href={eventPath(place)}>
              <code>{place}</code>
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function positionText(place: LogPosition): string {
  return `${place.stream} #${placeText(place)}`
}

interface Step {
  readonly at: number
  readonly what: string
  readonly who?: string | null
  readonly note?: string | null
}

export function IncidentTimeline({ incident }: { incident: IncidentView }) {
  const steps: Step[] = [
    { at: incident.openedAt, what: `Opened, ${incident.action}`, who: 'guard' },
    ...step(incident.reportedAt, {
      what: incident.reportSource === 'model' ? 'Reported by a model' : 'Reported without a model',
      who: incident.reportModel,
    }),
    ...step(incident.acknowledgedAt, {
      what: 'Acknowledged',
      who: incident.acknowledgedBy,
      note: incident.note,
    }),
    ...step(incident.closedAt, { what: 'Closed', who: incident.closedBy, note: incident.closeReason }),
  ]
  return (
    <ol class="timeline">
      {steps
        .sort((a, b) => a.at - b.at)
        .map(({ at, what, who, note }) => (
          <li key={what}>
            <Time at={at} />
            <span class="timeline-what">
              {what}
              {who && <span class="muted"> · {who}</span>}
            </span>
            {note && <p class="prose">{note}</p>}
          </li>
        ))}
    </ol>
  )
}

function step(at: number | null, rest: Omit<Step, 'at'>): Step[] {
  return at === null ? [] : [{ at, ...rest }]
}

/** `TOKENS #12` → the address of that event. */
function eventPath(place: string): string {
  return `/forensics/events/${place.replace(' #', '/')}`
}
