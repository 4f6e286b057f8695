import type { Names } from '../../../src/accounts/answers.ts'
import type { IncidentView } from '../../../src/incidents/answers.ts'
import { Ago, count, humanized } from '../format/index.ts'
import { Badge, Identity, Severity, State } from '../layout/index.ts'

/** Incidents as rows; each is a link to its detail. */
export function IncidentList({ items, names }: { items: readonly IncidentView[]; names: Names }) {
  return (
    <ul class="rows">
      {items.map(incident => (
        <li key={incident.id} class="row linked" data-testid="incident-row" data-incident={incident.id}>
          <div class="row-main">
            <p class="row-title">
              <Severity severity={incident.severity} />
              <a class="cover" href={`/incidents/${incident.id}`}>
                {humanized(incident.rule)}
              </a>
              <State state={incident.state} />
              {incident.findings > 1 && <Badge>{count(incident.findings)} findings</Badge>}
            </p>
            <p class="row-note">{inShort(incident)}</p>
          </div>
          <div class="row-side">
            <Identity user={incident.userId} apiKey={incident.keyId} names={names} />
            <span class="row-when">
              <Ago at={incident.openedAt} />
            </span>
          </div>
        </li>
      ))}
    </ul>
  )
}

/** A model sums up; a report from the facts only lists them, and the guard's own words are shorter. */
function inShort({ report, reportSource, explanation }: IncidentView): string {
  return report && reportSource === 'model' ? report.summary : explanation
}
