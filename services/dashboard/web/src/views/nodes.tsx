import { ratesOver } from '../../../src/core/series.ts'
import type { NodeView, Overview, ProjectionLag, Tick } from '../../../src/core/wire.ts'
import { useNow } from '../live/clock.ts'
import { live } from '../live/live.ts'
import { useResource } from '../live/resource.ts'
import { useStore } from '../live/store.ts'
import { Badge } from '../parts/badge.tsx'
import { count, rate, setting, span } from '../parts/format.ts'
import { PageHead } from '../parts/page-head.tsx'
import { Panel } from '../parts/panel.tsx'
import { Sparkline } from '../parts/sparkline.tsx'
import { Empty, Loaded } from '../parts/states.tsx'
import { Ago } from '../parts/time.tsx'

const EVERY_MS = 2_000
const SPARK_TICKS = 120
const RATE_SECONDS = 5
/** A node tells that it lives about once a second or two. */
const HEARTBEAT_WARN_MS = 6_000

export function Nodes() {
  const nodes = useResource<readonly NodeView[]>('/api/nodes', { everyMs: EVERY_MS })
  const overview = useResource<Overview>('/api/overview', { everyMs: EVERY_MS })
  return (
    <>
      <PageHead title="Nodes" />
      <Panel
        title="Gateway nodes"
        class="list-panel"
        aside={<span class="count num">{nodes.data?.length ?? '–'}</span>}
      >
        <Loaded resource={nodes}>
          {list =>
            list.length === 0 ? (
              <Empty icon="nodes">
                No gateway node is alive. A node shows here while it renews its record.
              </Empty>
            ) : (
              <NodeTable nodes={list} />
            )
          }
        </Loaded>
      </Panel>
      <Panel title="Read models" class="list-panel">
        <Loaded resource={overview}>
          {({ projection }) =>
            projection === null ? (
              <Empty icon="nodes">The event log is away: nobody can tell how far they are behind.</Empty>
            ) : projection.length === 0 ? (
              <Empty icon="nodes">No projection has stored a position yet.</Empty>
            ) : (
              <LagTable projection={projection} />
            )
          }
        </Loaded>
      </Panel>
    </>
  )
}

function NodeTable({ nodes }: { nodes: readonly NodeView[] }) {
  const ticks = useStore(live, it => it.ticks)
  const now = useNow()
  return (
    <div class="table-wrap">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">Address</th>
            <th scope="col">Up for</th>
            <th scope="col">Heartbeat</th>
            <th scope="col" class="right">
              Requests
            </th>
            <th scope="col">Last 2 minutes</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map(({ node, address, port, started, heartbeat }) => {
            const own = ticks.slice(-SPARK_TICKS).map(tick => onlyOf(tick, node))
            const isLate = now - heartbeat > HEARTBEAT_WARN_MS
            return (
              <tr key={node} data-testid="node-row" data-node={node}>
                <th scope="row">
                  <code>{node}</code>
                </th>
                <td data-label="Address">
                  <code>
                    {address}:{port}
                  </code>
                </td>
                <td class="num" data-label="Up for">
                  {span(now - started)}
                </td>
                <td data-label="Heartbeat">
                  {isLate ? <Badge tone="warn">late</Badge> : <Badge tone="good">on time</Badge>}{' '}
                  <Ago at={heartbeat} />
                </td>
                <td class="right num strong" data-label="Requests">
                  {rate(ratesOver(own, RATE_SECONDS).requests)} req/s
                </td>
                <td data-label="Last 2 minutes">
                  <Sparkline values={own.map(tick => tick.admitted)} length={SPARK_TICKS} />
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

/** The tick as it would be if the node were alone; what it decided stands as admitted. */
function onlyOf(tick: Tick, node: string): Tick {
  return { ...tick, admitted: tick.nodes[node] ?? 0, refused: 0 }
}

function LagTable({ projection }: { projection: readonly ProjectionLag[] }) {
  const now = useNow()
  return (
    <div class="table-wrap">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Stream</th>
            <th scope="col">Projection</th>
            <th scope="col" class="right">
              Position
            </th>
            <th scope="col" class="right">
              Messages behind
            </th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {projection.map(({ projection: name, stream, sequence, behind, lagMs }) => (
            <tr key={`${name}.${stream}`}>
              <th scope="row">
                <code>{stream}</code>
              </th>
              <td data-label="Projection">{name}</td>
              <td class="right num" data-label="Position">
                #{setting(sequence)}
              </td>
              <td class="right num" data-label="Messages behind">
                {count(behind)}
              </td>
              <td data-label="State">
                {behind === 0 ? (
                  <Badge tone="good">up to date</Badge>
                ) : (
                  <span title={`Stood still since ${new Date(now - lagMs).toISOString()}`}>
                    <Badge tone="warn">{span(lagMs)} behind</Badge>
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
