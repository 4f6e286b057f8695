import type { Tick } from '../../../src/live/answers.ts'
import type { NodeView } from '../../../src/system/answers.ts'
import { Sparkline } from '../charts/index.ts'
import { useNow, useStore } from '../data/index.ts'
import { Ago, rate, span } from '../format/index.ts'
import { Badge } from '../layout/index.ts'
import { live, ratesOver } from '../live/index.ts'
import { Columns } from '../table/index.ts'

const SPARK_TICKS = 120
const RATE_SECONDS = 5
/** A node tells that it lives about once a second or two. */
const HEARTBEAT_WARN_MS = 6_000

export function NodeTable({ nodes }: { nodes: readonly NodeView[] }) {
  const ticks = useStore(live, it => it.ticks)
  const now = useNow()
  return (
    <div class="table-wrap">
      <table class="table fixed">
        <Columns shares={[20, 18, 9, 19, 14, 20]} />
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
