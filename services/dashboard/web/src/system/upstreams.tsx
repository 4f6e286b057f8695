import type { GatewayReport, UpstreamView } from '../../../src/system/answers.ts'
import { Ago, count, countdown, duration, percent } from '../format/index.ts'
import { Badge, Empty, type Tone } from '../layout/index.ts'
import { Columns } from '../table/index.ts'

const CIRCUITS: Readonly<Record<UpstreamView['circuit'], { tone: Tone; text: string }>> = {
  closed: { tone: 'good', text: 'closed' },
  half_open: { tone: 'warn', text: 'half open' },
  open: { tone: 'bad', text: 'open' },
}

/** Each gateway's own view of the model servers: two gateways may well disagree. */
export function Upstreams({ gateways }: { gateways: readonly GatewayReport[] | null }) {
  if (gateways === null) {
    return (
      <Empty icon="nodes">
        This dashboard was given no ADMIN_TOKEN_DASHBOARD: it cannot ask the gateways.
      </Empty>
    )
  }
  const many = gateways.length > 1
  return (
    <>
      {gateways.map(report => (
        <section key={report.url} aria-label={`Upstreams of ${report.url}`} data-testid="gateway">
          {report.fault !== null && (
            <p class="trouble" role="alert">
              {report.url}: {report.fault}
            </p>
          )}
          {report.fileFault !== null && (
            <p class="trouble" role="alert">
              The file of upstreams is not in force: {report.fileFault}
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
          {report.upstreams.length > 0 && <UpstreamTable upstreams={report.upstreams} />}
        </section>
      ))}
    </>
  )
}

function UpstreamTable({ upstreams }: { upstreams: readonly UpstreamView[] }) {
  return (
    <div class="table-wrap">
      <table class="table fixed wide">
        <Columns shares={[19, 10, 14, 9, 8, 8, 11, 21]} />
        <thead>
          <tr>
            <th scope="col">Upstream</th>
            <th scope="col">Health</th>
            <th scope="col">Circuit</th>
            <th scope="col" class="right">
              In flight
            </th>
            <th scope="col" class="right">
              Calls
            </th>
            <th scope="col" class="right">
              Failed
            </th>
            <th scope="col" class="right">
              To headers
            </th>
            <th scope="col">Last error</th>
          </tr>
        </thead>
        <tbody>
          {upstreams.map(upstream => (
            <UpstreamRow key={upstream.name} upstream={upstream} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function UpstreamRow({ upstream }: { upstream: UpstreamView }) {
  const { name, url, healthy, circuit, opensInMs, inFlight, maxInFlight, calls, failures, lastError } =
    upstream
  const { tone, text } = CIRCUITS[circuit]
  const mean = duration(upstream.latencyMs)
  const share = percent(calls === 0 ? null : failures / calls)
  return (
    <tr data-testid="upstream-row" data-upstream={name}>
      <th scope="row">
        <span class="identity" title={upstream.models?.join(', ') ?? 'every model'}>
          <span class="identity-user">{name}</span>
          <span class="identity-key">{url}</span>
        </span>
      </th>
      <td data-label="Health">
        <Badge tone={healthy ? 'good' : 'bad'}>{healthy ? 'healthy' : 'unhealthy'}</Badge>
      </td>
      <td data-label="Circuit" class="num">
        <Badge tone={tone}>{text}</Badge>
        {circuit === 'open' && ` for ${countdown(opensInMs)}`}
      </td>
      <td class="right num" data-label="In flight">
        {count(inFlight)} / {count(maxInFlight)}
      </td>
      <td class="right num" data-label="Calls">
        {count(calls)}
      </td>
      <td class="right num" data-label="Failed" title={`${count(failures)} calls`}>
        {share.value} {share.unit}
      </td>
      <td class="right num" data-label="To headers">
        {mean.value} {mean.unit}
      </td>
      <td data-label="Last error">
        {lastError === null ? (
          <span class="muted">none</span>
        ) : (
          <span class="identity" title={lastError.message}>
            <span class="identity-user plain">{lastError.code}</span>
            <span class="identity-key">
              <Ago at={lastError.at} />
            </span>
          </span>
        )}
      </td>
    </tr>
  )
}
