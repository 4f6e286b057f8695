import { useEffect } from 'preact/hooks'
import type { OffenderView, VerdictView } from '../../../src/forensics/answers.ts'
import { count, humanized, plural, setting, Time } from '../format/index.ts'
import { Badge, Empty, PageHead, Panel } from '../layout/index.ts'
import { usePlace } from '../router/index.ts'
import { Equation } from './equation.tsx'
import { ForensicsTabs } from './forensics-tabs.tsx'
import { useJob } from './job.ts'
import { JobBar } from './job-bar.tsx'
import { Dropped, IdentityLink, PlaceLink, requestPath } from './links.tsx'
import { SpanFields, spanAt } from './span.tsx'

const PATH = '/forensics/verify'

/** Whether a range of the log keeps every promise that it makes, and who breaks one. */
export function Verify() {
  const { query } = usePlace()
  const job = useJob<VerdictView>('/api/forensics/verify')
  const run = () => job.run(spanAt(query, '24h', Date.now()))
  const range = `${query.get('range')} ${query.get('from')} ${query.get('to')}`
  useEffect(run, [range])
  return (
    <>
      <PageHead title="Verify the ledger">
        <ForensicsTabs here={PATH} />
      </PageHead>
      <section class="panel" aria-label="Range">
        <div class="moment-fields">
          <SpanFields path={PATH} fallback="24h" />
          <button
            type="button"
            class="primary"
            data-testid="verify-run"
            disabled={job.running !== undefined}
            onClick={run}
          >
            Verify
          </button>
          <JobBar job={job} retry={run} />
        </div>
      </section>
      {job.value && <Verdict verdict={job.value} />}
    </>
  )
}

function Verdict({ verdict }: { verdict: VerdictView }) {
  const { holds, from, to, facts, whole, offenders, offences, projected, dropped, identities } = verdict
  const all = Object.values(offences).reduce((sum, each) => sum + each, 0)
  return (
    <div class="stack" data-testid="verdict" data-holds={holds}>
      <p class={`verdict-line ${holds ? 'good' : 'bad'}`} role="status">
        <strong>{holds ? 'The ledger holds' : `The ledger does not hold: ${plural(all, 'offence')}`}</strong>
        <span class="num">
          {plural(facts, 'fact')}, {from === null ? 'from the beginning' : <Time at={from} />} to{' '}
          <Time at={to} />
        </span>
      </p>
      <Dropped dropped={dropped} />
      <div class="two">
        <Panel title="Every admitted request has ended or is in flight">
          <Equation sums={whole} />
          {verdict.endedOfBefore > 0 && (
            <p class="muted">
              {plural(verdict.endedOfBefore, 'ending')} of requests that were admitted before.
            </p>
          )}
        </Panel>
        <Panel title="The tables hold what the log settled">
          {projected === null || projected.inLog.settled + projected.inTables.settled === 0 ? (
            <p class="muted">
              The tables hold nothing of this range (yet, or any more): there is nothing to compare.
            </p>
          ) : (
            <dl class="numbers">
              <div>
                <dt>In the log</dt>
                <dd class="num">
                  {setting(projected.inLog.totalTokens)}{' '}
                  <span class="unit">tokens, {count(projected.inLog.settled)}×</span>
                </dd>
              </div>
              <div>
                <dt>In the tables</dt>
                <dd class="num">
                  {setting(projected.inTables.totalTokens)}{' '}
                  <span class="unit">tokens, {count(projected.inTables.settled)}×</span>
                </dd>
              </div>
              <div>
                <dt>Not compared</dt>
                <dd class="num">
                  {count(projected.notCompared)} <span class="unit">settlements</span>
                </dd>
              </div>
            </dl>
          )}
        </Panel>
      </div>
      <Panel
        title="Offences"
        class="list-panel"
        {...(offenders.length < all ? { note: `the first ${count(offenders.length)}` } : {})}
        aside={<span class="count num">{count(all)}</span>}
      >
        {all === 0 ? (
          <Empty icon="check">No gap, no dead letter, nothing twice, nothing missing.</Empty>
        ) : (
          <>
            <p class="sub-head">
              {Object.entries(offences).map(([offence, times]) => (
                <Badge key={offence} tone="bad">
                  {humanized(offence)} {count(times)}
                </Badge>
              ))}
            </p>
            <Offenders offenders={offenders} />
          </>
        )}
      </Panel>
      <Panel
        title="Identities"
        note="the busiest first"
        class="list-panel"
        aside={<span class="count num">{count(verdict.identityCount)}</span>}
      >
        {identities.length === 0 ? (
          <Empty icon="identities">No requests in this range.</Empty>
        ) : (
          <Sums identities={identities} />
        )}
      </Panel>
    </div>
  )
}

function Offenders({ offenders }: { offenders: readonly OffenderView[] }) {
  return (
    <div class="table-wrap capped">
      <table class="table compact">
        <thead>
          <tr>
            <th scope="col">Offence</th>
            <th scope="col">What</th>
            <th scope="col">Request</th>
            <th scope="col">Identity</th>
            <th scope="col">Where</th>
          </tr>
        </thead>
        <tbody>
          {offenders.map(({ offence, detail, request, identity, places }, i) => (
            <tr key={i} data-testid="offender">
              <th scope="row">{humanized(offence)}</th>
              <td class="offender-detail" data-label="What">
                {detail}
              </td>
              <td data-label="Request">
                {request === null ? '–' : <a href={requestPath(request)}>{request}</a>}
              </td>
              <td data-label="Identity">{identity === null ? '–' : <IdentityLink identity={identity} />}</td>
              <td data-label="Where">
                {places.length === 0 ? '–' : null}
                {places.map(place => (
                  <span key={place.sequence} class="place">
                    <PlaceLink place={place} />{' '}
                  </span>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Sums({ identities }: { identities: VerdictView['identities'] }) {
  const columns = [
    'admitted',
    'completed',
    'failed',
    'interrupted',
    'inFlight',
    'refused',
    'settled',
  ] as const
  return (
    <div class="table-wrap capped">
      <table class="table compact">
        <thead>
          <tr>
            <th scope="col">Identity</th>
            {columns.map(name => (
              <th key={name} scope="col" class="right">
                {humanized(name)}
              </th>
            ))}
            <th scope="col" class="right">
              Tokens
            </th>
          </tr>
        </thead>
        <tbody>
          {identities.map(({ identity, sums }) => (
            <tr key={identity}>
              <th scope="row">
                <IdentityLink identity={identity} />
              </th>
              {columns.map(name => (
                <td key={name} class="right num" data-label={humanized(name)}>
                  {setting(sums[name])}
                </td>
              ))}
              <td class="right num strong" data-label="Tokens">
                {setting(sums.totalTokens)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
