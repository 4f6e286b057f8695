import { useState } from 'preact/hooks'
import type { IncidentDetail, IncidentView } from '../../../src/incidents/answers.ts'
import { post, useNow, useResource, useStore } from '../data/index.ts'
import { OrderDialog } from '../dialogs/index.ts'
import { count, countdown, humanized } from '../format/index.ts'
import {
  Badge,
  Empty,
  ErrorMessage,
  Icon,
  Identity,
  Loading,
  PageHead,
  Panel,
  Severity,
  State,
} from '../layout/index.ts'
import { live } from '../live/index.ts'
import { PardonDialog } from '../throttles/index.ts'
import { IncidentEvidence, IncidentNumbers, IncidentTimeline } from './incident-facts.tsx'
import { IncidentReport } from './incident-report.tsx'

const EVERY_MS = 15_000
const MAX_TEXT = 4_000

export function Incident({ id }: { id: string }) {
  const version = useStore(live, it => it.changes)
  const path = `/api/incidents/${encodeURIComponent(id)}`
  const { data, error, reload } = useResource<IncidentDetail>(path, { everyMs: EVERY_MS, version })
  const isMissing = error?.status === 404 || error?.status === 400
  return (
    <>
      <a class="back" href="/incidents">
        <Icon name="left" size={15} />
        Incidents
      </a>
      <PageHead title={data ? humanized(data.incident.rule) : 'Incident'}>
        {data && <Orders detail={data} reload={reload} />}
      </PageHead>
      {isMissing && <Empty icon="incidents">There is no incident {id}.</Empty>}
      {error && !isMissing && <ErrorMessage error={error} retry={reload} />}
      {!data && !error && <Loading rows={8} />}
      {data && <Detail detail={data} />}
    </>
  )
}

function Detail({ detail: { incident, names, throttle } }: { detail: IncidentDetail }) {
  const now = useNow()
  return (
    <>
      <div class="facts">
        <Severity severity={incident.severity} />
        <State state={incident.state} />
        <Identity user={incident.userId} apiKey={incident.keyId} names={names} isLink />
        <span class="facts-note">
          {throttle && throttle.until > now ? (
            <>
              Throttled for another <span class="num">{countdown(throttle.until - now)}</span>
            </>
          ) : incident.action === 'throttled' ? (
            'Throttle ended'
          ) : (
            'Observed only'
          )}
        </span>
        {incident.joinedInto !== null && (
          <span>
            Joined <a href={`/incidents/${incident.joinedInto}`}>{incident.joinedInto}</a>
          </span>
        )}
        {incident.findings > 1 && <Badge>{count(incident.findings)} findings</Badge>}
        <code class="facts-id">{incident.id}</code>
      </div>
      <div class="incident-grid">
        <IncidentReport incident={incident} />
        <div class="stack">
          <Panel title="Trigger">
            <p class="prose">{incident.explanation}</p>
            <IncidentNumbers numbers={incident.numbers} />
          </Panel>
          <IncidentEvidence incident={incident} />
          <Panel title="History">
            <IncidentTimeline incident={incident} />
          </Panel>
        </div>
      </div>
    </>
  )
}

type Order = 'acknowledge' | 'close' | 'pardon'

function Orders({ detail, reload }: { detail: IncidentDetail; reload: () => void }) {
  const [order, setOrder] = useState<Order>()
  const { incident, throttle } = detail
  const now = useNow()
  const done = () => {
    setOrder(undefined)
    reload()
  }
  return (
    <div class="orders">
      {throttle && throttle.until > now && (
        <button type="button" data-testid="pardon-button" onClick={() => setOrder('pardon')}>
          Pardon
        </button>
      )}
      {incident.state !== 'acknowledged' && incident.state !== 'closed' && (
        <button type="button" data-testid="acknowledge-button" onClick={() => setOrder('acknowledge')}>
          Acknowledge
        </button>
      )}
      {incident.state !== 'closed' && (
        <button type="button" class="primary" data-testid="close-button" onClick={() => setOrder('close')}>
          Close
        </button>
      )}
      {order === 'pardon' && (
        <PardonDialog identity={`${incident.userId}.${incident.keyId}`} names={detail.names} onClose={done} />
      )}
      {order === 'acknowledge' && <Acknowledge incident={incident} onClose={done} />}
      {order === 'close' && <Close incident={incident} onClose={done} />}
    </div>
  )
}

function Acknowledge({ incident, onClose }: { incident: IncidentView; onClose: () => void }) {
  return (
    <OrderDialog
      title="Acknowledge this incident?"
      label="Note"
      placeholder="Your assessment, for other operators."
      confirm="Acknowledge"
      maxLength={MAX_TEXT}
      testId="acknowledge"
      done="Acknowledged."
      order={note => post(`/api/incidents/${incident.id}/acknowledge`, { note })}
      onClose={onClose}
    >
      <p>Marks the incident as being handled. A throttle stays in force.</p>
    </OrderDialog>
  )
}

function Close({ incident, onClose }: { incident: IncidentView; onClose: () => void }) {
  return (
    <OrderDialog
      title="Close this incident?"
      label="Reason"
      placeholder="How it was resolved."
      confirm="Close incident"
      maxLength={MAX_TEXT}
      testId="close"
      done="Closed."
      order={reason => post(`/api/incidents/${incident.id}/close`, { reason })}
      onClose={onClose}
    >
      <p>A closed incident stays in the log and cannot be reopened.</p>
    </OrderDialog>
  )
}
