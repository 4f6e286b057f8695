import type { MetricsView, ModelUsage, NodeUsage } from '../../../src/usage/answers.ts'
import type { Resource } from '../data/index.ts'
import { count, duration, percent, textOf } from '../format/index.ts'
import { Empty, Loaded, Panel } from '../layout/index.ts'
import { type Column, DataTable } from '../table/index.ts'

const MODELS: readonly Column<ModelUsage>[] = [
  { name: 'Model', share: 25, cell: ({ model }) => model || <span class="muted">none named</span> },
  {
    name: 'Requests',
    share: 16,
    isFigure: true,
    sortBy: row => row.admitted + row.refused,
    cell: row => count(row.admitted + row.refused),
  },
  {
    name: 'Tokens',
    share: 14,
    isFigure: true,
    sortBy: row => row.totalTokens,
    cell: row => count(row.totalTokens),
  },
  {
    name: 'Failed',
    share: 13,
    isFigure: true,
    sortBy: failedShare,
    cell: row => textOf(percent(failedShare(row))),
  },
  {
    name: 'p95',
    share: 14,
    isFigure: true,
    sortBy: row => row.latency?.p95Ms ?? null,
    cell: row => timeText(row.latency?.p95Ms ?? null),
  },
  {
    name: 'TTFT p95',
    heading: (
      <>
        <abbr title="Time to first token">TTFT</abbr> p95
      </>
    ),
    share: 18,
    isFigure: true,
    sortBy: row => row.latency?.firstByteP95Ms ?? null,
    cell: row => timeText(row.latency?.firstByteP95Ms ?? null),
  },
]

function figure(name: string, share: number, numberOf: (row: NodeUsage) => number): Column<NodeUsage> {
  return { name, share, isFigure: true, sortBy: numberOf, cell: row => count(numberOf(row)) }
}

const NODES: readonly Column<NodeUsage>[] = [
  { name: 'Node', share: 24, cell: ({ node }) => <code>{node}</code> },
  figure('Admitted', 17, row => row.admitted),
  figure('Refused', 15, row => row.refused),
  figure('Failed', 12, row => row.failed),
  figure('Tokens', 15, row => row.totalTokens),
  { ...figure('p95', 17, row => row.p95Ms ?? 0), sortBy: row => row.p95Ms, cell: row => timeText(row.p95Ms) },
]

/** The range's figures by model and by node. */
export function Breakdown({ metrics }: { metrics: Resource<MetricsView> }) {
  return (
    <div class="two">
      <Panel title="By model" class="list-panel">
        <Loaded resource={metrics}>
          {({ models }) => (
            <DataTable
              columns={MODELS}
              rows={models}
              keyOf={({ model }) => model}
              size="compact"
              rowProps={() => ({ 'data-testid': 'model-row' })}
              empty={['overview', 'No model requests in this period.']}
            />
          )}
        </Loaded>
      </Panel>
      <Panel title="By node" class="list-panel">
        <Loaded resource={metrics}>
          {({ nodes }) =>
            nodes === null ? (
              <Empty icon="nodes">Too many requests in this period to count them by node.</Empty>
            ) : (
              <DataTable
                columns={NODES}
                rows={nodes}
                keyOf={({ node }) => node}
                size="compact"
                empty={['nodes', 'No requests in this period.']}
              />
            )
          }
        </Loaded>
      </Panel>
    </div>
  )
}

function failedShare({ completed, failed, interrupted }: ModelUsage): number | null {
  const ended = completed + failed + interrupted
  return ended === 0 ? null : failed / ended
}

function timeText(ms: number | null): string {
  return ms === null ? duration(ms).value : textOf(duration(ms))
}
