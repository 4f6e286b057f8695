import type { Tick } from '../../../src/live/answers.ts'
import type { NodeView } from '../../../src/system/answers.ts'
import { Sparkline } from '../charts/index.ts'
import { useNow, useStore } from '../data/index.ts'
import { Ago, rate, span } from '../format/index.ts'
import { Badge } from '../layout/index.ts'
import { live, ratesOver } from '../live/index.ts'
import { type Column, DataTable } from '../table/index.ts'

const SPARK_TICKS = 120
const RATE_SECONDS = 5
/** A node tells that it lives about once a second or two. */
const HEARTBEAT_WARN_MS = 6_000

/** Gateway nodes with their live traffic. */
export function NodeTable({ nodes }: { nodes: readonly NodeView[] }) {
  const ticks = useStore(live, it => it.ticks)
  const now = useNow()
  const ownTicks = ({ node }: NodeView) => ticks.slice(-SPARK_TICKS).map(tick => onlyOf(tick, node))
  const rateOf = (node: NodeView) => ratesOver(ownTicks(node), RATE_SECONDS).requests
  const columns: Column<NodeView>[] = [
    { name: 'Node', share: 20, cell: ({ node }) => <code>{node}</code> },
    { name: 'Address', share: 18, cell: ({ address, port }) => <code>{`${address}:${port}`}</code> },
    { name: 'Uptime', share: 9, cell: ({ started }) => <span class="num">{span(now - started)}</span> },
    {
      name: 'Heartbeat',
      share: 19,
      cell: ({ heartbeat }) => (
        <>
          {now - heartbeat > HEARTBEAT_WARN_MS ? (
            <Badge tone="warn">late</Badge>
          ) : (
            <Badge tone="good">on time</Badge>
          )}{' '}
          <Ago at={heartbeat} />
        </>
      ),
    },
    {
      name: 'Requests',
      share: 14,
      isFigure: true,
      tone: () => 'strong',
      sortBy: rateOf,
      cell: node => `${rate(rateOf(node))} req/s`,
    },
    {
      name: 'Last 2 minutes',
      share: 20,
      cell: node => <Sparkline values={ownTicks(node).map(tick => tick.admitted)} length={SPARK_TICKS} />,
    },
  ]
  return (
    <DataTable
      columns={columns}
      rows={nodes}
      keyOf={({ node }) => node}
      rowProps={({ node }) => ({ 'data-testid': 'node-row', 'data-node': node })}
      empty={['nodes', 'No live gateway nodes. A node is listed while it renews its record.']}
    />
  )
}

/** The tick as it would be if the node were alone; what it decided stands as admitted. */
function onlyOf(tick: Tick, node: string): Tick {
  return { ...tick, admitted: tick.nodes[node] ?? 0, refused: 0 }
}
