import { useEffect } from 'preact/hooks'
import type { VerdictView, ViolationView } from '../../../src/forensics/answers.ts'
import { count, humanized, plural, positionText, setting, Time } from '../format/index.ts'
import { Badge, Empty, PageHead, Panel } from '../layout/index.ts'
import { useRoute } from '../router/index.ts'
import { type Column, DataTable } from '../table/index.ts'
import { Equation } from './equation.tsx'
import { ForensicsTabs } from './forensics-tabs.tsx'
import { useJob } from './job.ts'
import { JobBar } from './job-bar.tsx'
import { Dropped, IdentityLink, PositionLink, requestPath } from './links.tsx'
import { SpanFields, spanAt } from './span.tsx'

const PATH = '/forensics/verify'

const VIOLATIONS: readonly Column<ViolationView>[] = [
  { name: 'Violation', cell: ({ violation }) => humanized(violation) },
  { name: 'Details', cell: ({ detail }) => <span class="offender-detail">{detail}</span> },
  {
    name: 'Request',
    cell: ({ request }) => (request === null ? '–' : <a href={requestPath(request)}>{request}</a>),
  },
  {
    name: 'Identity',
    cell: ({ identity }) => (identity === null ? '–' : <IdentityLink identity={identity} />),
  },
  {
    name: 'Positions',
    cell: ({ positions: places }) =>
      places.length === 0
        ? '–'
        : places.map(place => (
            <span key={positionText(place)} class="position">
              <PositionLink place={place} />{' '}
            </span>
          )),
  },
]

type IdentitySums = VerdictView['identities'][number]
const SUM_NAMES = [
  'admitted',
  'completed',
  'failed',
  'interrupted',
  'inFlight',
  'refused',
  'settled',
] as const
const SUMS: readonly Column<IdentitySums>[] = [
  { name: 'Identity', cell: ({ identity }) => <IdentityLink identity={identity} /> },
  ...SUM_NAMES.map(
    (name): Column<IdentitySums> => ({
      name: humanized(name),
      isFigure: true,
      sortBy: ({ sums }) => sums[name],
      cell: ({ sums }) => setting(sums[name]),
    }),
  ),
  {
    name: 'Tokens',
    isFigure: true,
    tone: () => 'strong',
    sortBy: ({ sums }) => sums.totalTokens,
    cell: ({ sums }) => setting(sums.totalTokens),
  },
]

/** Whether a range of the log keeps every promise that it makes, and who breaks one. */
export function Verify() {
  const { query } = useRoute()
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
  const { holds, from, to, facts, whole, violationCounts, projected, dropped, identities } = verdict
  const all = Object.values(violationCounts).reduce((sum, each) => sum + each, 0)
  return (
    <div class="stack" data-testid="verdict" data-holds={holds}>
      <p class={`verdict-line ${holds ? 'good' : 'bad'}`} role="status">
        <strong>
          {holds
            ? 'Ledger verified: no violations'
            : `Ledger verification failed: ${plural(all, 'violation')}`}
        </strong>
        <span class="num">
          {plural(facts, 'event')}, {from === null ? 'from the beginning' : <Time at={from} />} to{' '}
          <Time at={to} />
        </span>
      </p>
      <Dropped dropped={dropped} />
      <div class="two">
        <Panel title="Requests are conserved">
          <Equation sums={whole} />
          {verdict.endedOfBefore > 0 && (
            <p class="muted">
              {plural(verdict.endedOfBefore, 'ending')} of requests that were admitted before.
            </p>
          )}
        </Panel>
        <Panel title="Tables match the log">
          <Comparison projected={projected} />
        </Panel>
      </div>
      <Violations verdict={verdict} all={all} />
      <Panel
        title="Identities"
        note="busiest first"
        class="list-panel"
        aside={<span class="count num">{count(verdict.identityCount)}</span>}
      >
        <DataTable
          columns={SUMS}
          rows={identities}
          keyOf={({ identity }) => identity}
          size="compact"
          isCapped
          empty={['identities', 'No requests in this range.']}
        />
      </Panel>
    </div>
  )
}

function Comparison({ projected }: Pick<VerdictView, 'projected'>) {
  if (projected === null || projected.inLog.settled + projected.inTables.settled === 0) {
    return <p class="muted">The tables have no rows for this range: nothing to compare.</p>
  }
  return (
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
  )
}

function Violations({ verdict, all }: { verdict: VerdictView; all: number }) {
  const { violations, violationCounts } = verdict
  return (
    <Panel
      title="Violations"
      class="list-panel"
      {...(violations.length < all ? { note: `the first ${count(violations.length)}` } : {})}
      aside={<span class="count num">{count(all)}</span>}
    >
      {all === 0 ? (
        <Empty icon="check">No violations.</Empty>
      ) : (
        <>
          <p class="sub-head">
            {Object.entries(violationCounts).map(([violation, times]) => (
              <Badge key={violation} tone="bad">
                {humanized(violation)} {count(times)}
              </Badge>
            ))}
          </p>
          <DataTable
            columns={VIOLATIONS}
            rows={violations}
            keyOf={row => String(violations.indexOf(row))}
            size="compact"
            isCapped
            rowProps={() => ({ 'data-testid': 'offender' })}
            empty={['check', '']}
          />
        </>
      )}
    </Panel>
  )
}
