import type { Overview as OverviewData } from '../../../src/core/wire.ts'
import { live } from '../live/live.ts'
import { useResource } from '../live/resource.ts'
import { useStore } from '../live/store.ts'
import { AttentionBar } from '../parts/attention-bar.tsx'
import { IncidentList } from '../parts/incident-list.tsx'
import { RequestsChart, TokensChart } from '../parts/live-charts.tsx'
import { LiveTiles } from '../parts/live-tiles.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { Panel } from '../parts/panel.tsx'
import { Empty, Loaded } from '../parts/states.tsx'
import { ThrottleList } from '../parts/throttle-list.tsx'

const EVERY_MS = 5_000
const SHOWN = 6

export function Overview() {
  const version = useStore(live, it => it.changes)
  const overview = useResource<OverviewData>('/api/overview', { everyMs: EVERY_MS, version })
  return (
    <>
      <PageHead title="Overview">
        <AttentionBar overview={overview.data} />
      </PageHead>
      <LiveTiles latency={overview.data?.latency} />
      <div class="two">
        <RequestsChart />
        <TokensChart />
      </div>
      <div class="two">
        <OpenIncidents resource={overview} />
        <ThrottleList names={overview.data?.names} />
      </div>
    </>
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
            <Empty icon="check">No incident is open.</Empty>
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
