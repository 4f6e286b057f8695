import type { MetricsView, ModelUsage, NodeUsage } from '../../../src/usage/answers.ts'
import type { Resource } from '../data/index.ts'
import { count, duration, percent } from '../format/index.ts'
import { Empty, Loaded, Panel } from '../layout/index.ts'
import { Columns } from '../table/index.ts'

/** The range's figures by model and by node. */
export function Breakdown({ metrics }: { metrics: Resource<MetricsView> }) {
  return (
    <div class="two">
      <Panel title="By model" class="list-panel">
        <Loaded resource={metrics}>
          {({ models }) =>
            models.length === 0 ? (
              <Empty icon="overview">No model was asked in this time.</Empty>
            ) : (
              <ModelTable models={models} />
            )
          }
        </Loaded>
      </Panel>
      <Panel title="By node" class="list-panel">
        <Loaded resource={metrics}>
          {({ nodes }) =>
            nodes === null ? (
              <Empty icon="nodes">There are too many requests in this time to count them by node.</Empty>
            ) : nodes.length === 0 ? (
              <Empty icon="nodes">No node served a request in this time.</Empty>
            ) : (
              <NodeTable nodes={nodes} />
            )
          }
        </Loaded>
      </Panel>
    </div>
  )
}

function ModelTable({ models }: { models: readonly ModelUsage[] }) {
  return (
    <div class="table-wrap">
      <table class="table compact fixed">
        <Columns shares={[25, 16, 14, 13, 14, 18]} />
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col" class="right">
              Requests
            </th>
            <th scope="col" class="right">
              Tokens
            </th>
            <th scope="col" class="right">
              Failed
            </th>
            <th scope="col" class="right">
              p95
            </th>
            <th scope="col" class="right">
              <abbr title="Time to first token">TTFT</abbr> p95
            </th>
          </tr>
        </thead>
        <tbody>
          {models.map(row => (
            <tr key={row.model} data-testid="model-row">
              <th scope="row">{row.model || <span class="muted">none named</span>}</th>
              <td class="right num" data-label="Requests">
                {count(row.admitted + row.refused)}
              </td>
              <td class="right num" data-label="Tokens">
                {count(row.totalTokens)}
              </td>
              <td class="right num" data-label="Failed">
                {failedText(row)}
              </td>
              <td class="right num" data-label="p95">
                {timeText(row.latency?.p95Ms ?? null)}
              </td>
              <td class="right num" data-label="TTFT p95">
                {timeText(row.latency?.firstByteP95Ms ?? null)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function NodeTable({ nodes }: { nodes: readonly NodeUsage[] }) {
  return (
    <div class="table-wrap">
      <table class="table compact fixed">
        <Columns shares={[24, 17, 15, 12, 15, 17]} />
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col" class="right">
              Admitted
            </th>
            <th scope="col" class="right">
              Refused
            </th>
            <th scope="col" class="right">
              Failed
            </th>
            <th scope="col" class="right">
              Tokens
            </th>
            <th scope="col" class="right">
              p95
            </th>
          </tr>
        </thead>
        <tbody>
          {nodes.map(({ node, admitted, refused, failed, totalTokens, p95Ms }) => (
            <tr key={node}>
              <th scope="row">
                <code>{node}</code>
              </th>
              <td class="right num" data-label="Admitted">
                {count(admitted)}
              </td>
              <td class="right num" data-label="Refused">
                {count(refused)}
              </td>
              <td class="right num" data-label="Failed">
                {count(failed)}
              </td>
              <td class="right num" data-label="Tokens">
                {count(totalTokens)}
              </td>
              <td class="right num" data-label="p95">
                {timeText(p95Ms)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function failedText({ completed, failed, interrupted }: ModelUsage): string {
  const ended = completed + failed + interrupted
  const { value, unit } = percent(ended === 0 ? null : failed / ended)
  return `${value} ${unit}`
}

function timeText(ms: number | null): string {
  const { value, unit } = duration(ms)
  return ms === null ? value : `${value} ${unit}`
}
