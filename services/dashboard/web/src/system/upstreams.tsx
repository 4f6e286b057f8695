import type { GatewayReport, UpstreamView } from '../../../src/system/answers.ts'
import { Ago, count, countdown, duration, percent, textOf } from '../format/index.ts'
import { Badge, Empty, type Tone } from '../layout/index.ts'
import { type Column, DataTable } from '../table/index.ts'

const CIRCUITS: Readonly<Record<UpstreamView['circuit'], { tone: Tone; text: string }>> = {
  closed: { tone: 'good', text: 'closed' },
  half_open: { tone: 'warn', text: 'half open' },
  open: { tone: 'bad', text: 'open' },
}

const COLUMNS: readonly Column<UpstreamView>[] = [
  {
    name: 'Upstream',
    share: 19,
    cell: ({ name, url, models }) => (
      <span class="identity" title={models?.join(', ') ?? 'every model'}>
        <span class="identity-user">{name}</span>
        <span class="identity-key">{url}</span>
      </span>
    ),
  },
  {
    name: 'Health',
    share: 10,
    cell: ({ healthy }) => <Badge tone={healthy ? 'good' : 'bad'}>{healthy ? 'healthy' : 'unhealthy'}</Badge>,
  },
  {
    name: 'Circuit',
    share: 14,
    cell: ({ circuit, opensInMs }) => (
      <span class="num">
        <Badge tone={CIRCUITS[circuit].tone}>{CIRCUITS[circuit].text}</Badge>
        {circuit === 'open' && ` for ${countdown(opensInMs)}`}
      </span>
    ),
  },
  {
    name: 'In flight',
    share: 9,
    isFigure: true,
    sortBy: row => row.inFlight,
    cell: ({ inFlight, maxInFlight }) => `${count(inFlight)} / ${count(maxInFlight)}`,
  },
  { name: 'Calls', share: 8, isFigure: true, sortBy: row => row.calls, cell: row => count(row.calls) },
  {
    name: 'Failed',
    share: 8,
    isFigure: true,
    sortBy: row => row.failures,
    title: row => `${count(row.failures)} calls`,
    cell: ({ calls, failures }) => textOf(percent(calls === 0 ? null : failures / calls)),
  },
  {
    name: 'To headers',
    share: 11,
    isFigure: true,
    sortBy: row => row.latencyMs,
    cell: row => textOf(duration(row.latencyMs)),
  },
  { name: 'Last error', share: 21, cell: ({ lastError }) => <LastError error={lastError} /> },
]

/** Each gateway's own view of the model servers: two gateways may well disagree. */
export function Upstreams({ gateways }: { gateways: readonly GatewayReport[] | null }) {
  if (gateways === null) {
    return <Empty icon="nodes">ADMIN_TOKEN_DASHBOARD is not set: the gateways cannot be queried.</Empty>
  }
  const many = gateways.length > 1
  return (
    <>
      {gateways.map(report => (
        <section key={report.url} aria-label={`Upstreams of ${report.url}`} data-testid="gateway">
          {report.error !== null && (
            <p class="error-message" role="alert">
              {report.url}: {report.error}
            </p>
          )}
          {report.fileError !== null && (
            <p class="error-message" role="alert">
              The file of upstreams is not in force: {report.fileError}
            </p>
          )}
          {many && (
            <p class="sub-head">
              <code>{report.url}</code>
              <span class="muted num">
                {count(report.waiting)} waiting · {count(report.retries)} retries · {count(report.fallbacks)}{' '}
                fallbacks
              </span>
            </p>
          )}
          {report.upstreams.length > 0 && (
            <DataTable
              columns={COLUMNS}
              rows={report.upstreams}
              keyOf={({ name }) => name}
              size="wide"
              rowProps={({ name }) => ({ 'data-testid': 'upstream-row', 'data-upstream': name })}
              empty={['nodes', 'No upstreams.']}
            />
          )}
        </section>
      ))}
    </>
  )
}

function LastError({ error }: { error: UpstreamView['lastError'] }) {
  if (error === null) return <span class="muted">none</span>
  return (
    <span class="identity" title={error.message}>
      <span class="identity-user plain">{error.code}</span>
      <span class="identity-key">
        <Ago at={error.at} />
      </span>
    </span>
  )
}
