import type { Overview as OverviewData } from '../../../src/overview/answers.ts'
import type { SystemView } from '../../../src/system/answers.ts'
import type { MetricsView } from '../../../src/usage/answers.ts'
import { useResource, useStore } from '../data/index.ts'
import { IncidentList } from '../incidents/index.ts'
import { Empty, ErrorMessage, Loaded, PageHead, Panel } from '../layout/index.ts'
import { live } from '../live/index.ts'
import { ThrottleList } from '../throttles/index.ts'
import {
  everyMsOf,
  LatencyCharts,
  RANGE_CHOICES,
  RangeTabs,
  RangeTiles,
  UsageCharts,
  useRange,
} from '../usage/index.ts'
import { AttentionBar } from './attention-bar.tsx'
import { Breakdown } from './breakdown.tsx'
import { RequestsChart, TokensChart } from './live-charts.tsx'
import { LiveTiles } from './live-tiles.tsx'

const EVERY_MS = 5_000
const SHOWN = 6

export function Overview() {
  const version = useStore(live, it => it.changes)
  const overview = useResource<OverviewData>('/api/overview', { everyMs: EVERY_MS, version })
  const system = useResource<SystemView>('/api/system', { everyMs: EVERY_MS })
  const range = useRange(RANGE_CHOICES)
  const metrics = useResource<MetricsView>(`/api/metrics?range=${range.name}`, {
    everyMs: everyMsOf(range.name),
  })
  const isLive = range.name === '5m'
  return (
    <>
      <PageHead title="Overview">
        <RangeTabs path="/" choices={RANGE_CHOICES} here={range} />
      </PageHead>
      <AttentionBar overview={overview.data} system={system.data} />
      {metrics.error && <ErrorMessage error={metrics.error} retry={metrics.reload} />}
      {isLive ? (
        <>
          <LiveTiles metrics={metrics.data} range={range} />
          <div class="two charts">
            <RequestsChart />
            <TokensChart />
          </div>
        </>
      ) : (
        <>
          <RangeTiles metrics={metrics.data} range={range} />
          {metrics.data ? (
            <>
              <UsageCharts usage={metrics.data} spanText={`last ${range.text}`} />
              <LatencyCharts metrics={metrics.data} spanText={`last ${range.text}`} />
            </>
          ) : (
            <ChartBones />
          )}
        </>
      )}
      <div class="two">
        <OpenIncidents resource={overview} />
        <ThrottleList names={overview.data?.names} />
      </div>
      <Breakdown metrics={metrics} />
    </>
  )
}

/** The room that the charts will take. */
function ChartBones() {
  return (
    <div class="two charts" role="status">
      <span class="sr">Loading…</span>
      {Array.from({ length: 4 }, (_, i) => (
        <div key={i} class="panel chart-bone" />
      ))}
    </div>
  )
}

function OpenIncidents({ resource }: { resource: ReturnType<typeof useResource<OverviewData>> }) {
  const open = resource.data?.openIncidents
  const aside = (
    <span class="count num">
      {open?.length ?? '–'}
      {resource.data?.moreIncidents ? '+' : ''}
    </span>
  )
  return (
    <Panel title="Open incidents" class="list-panel" aside={aside}>
      <Loaded resource={resource}>
        {({ openIncidents, names }) =>
          openIncidents.length === 0 ? (
            <Empty icon="check">No open incidents.</Empty>
          ) : (
            <>
              <IncidentList items={openIncidents.slice(0, SHOWN)} names={names} />
              {openIncidents.length > SHOWN && (
                <a class="more" href="/incidents">
                  All open incidents
                </a>
              )}
            </>
          )
        }
      </Loaded>
    </Panel>
  )
}
