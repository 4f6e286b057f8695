import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { merged } from '../harness/line.ts'
import { fillPlace } from '../harness/place.ts'
import { ownFigure, readResults } from '../harness/result.ts'
import { figure } from '../harness/table.ts'
import { startNginx } from '../proxy/nginx.ts'
import { startTestEnv } from '../proxy/test-env.ts'
import { BODY } from '../proxy/unary.ts'
import { measureSizes } from '../spool/sizes.ts'
import { type GossipSample, sampleGossip } from './gossip.ts'
import { type ClusterCost, clusterCost, fit, type GossipCost, type Measurements } from './model.ts'

/**
 * The cost model, `npm run fluxgate -- bench:scale [--from result.json,… --write]`: gossip is measured with simulated nodes, the
 * bytes of a request with a real node, log and database, and what a request takes is read from results of the bench (rows
 * unary, publisher and projection; by default the newest). `--write` puts the tables into scale.md.
 */
const { values } = parseArgs({
  options: { from: { type: 'string' }, write: { type: 'boolean', default: false } },
})
const NODES = [2, 4, 8, 16, 32, 64]
const ROWS = [1, 10, 50, 200]
const CLUSTERS = [1, 3, 10, 30, 100, 1_000]
const SIZED_REQUESTS = 5_000

const lines = merged((await readResults(values.from)).map(result => result.lines))
const samples = NODES.flatMap(nodes => ROWS.map(rows => sampleGossip(nodes, rows)))
const measured: Measurements = {
  gatewayMicros: ownFigure(lines, 'unary', 'CPU of a request'),
  natsMicros: ownFigure(lines, 'unary', 'CPU of nats-server for a request'),
  logEventsPerSecond: ownFigure(lines, 'publisher', 'events/s'),
  projectedPerSecond: ownFigure(lines, 'projection', 'into postgresql'),
  gossip: fitGossip(samples),
  ...(await bytesOfRequest()),
}
const text = `${measuredText(measured)}\n\n${clusterTable(CLUSTERS.map(nodes => clusterCost(nodes, measured)))}`
console.log(text)
if (values.write) await fillPlace(join(import.meta.dirname, '../scale.md'), 'scale', text)

function fitGossip(all: readonly GossipSample[]): GossipCost {
  const hearing = all.map(({ nodes, rows }) => [1, rows, rows * nodes])
  const telling = all.map(({ rows }) => [1, rows])
  const [fixed = 0, row = 0, rowAndNode = 0] = fit(
    hearing,
    all.map(each => each.hearMicros),
  )
  const [tellFixed = 0, tellRow = 0] = fit(
    telling,
    all.map(each => each.tellMicros),
  )
  const [frameBytes = 0, rowBytes = 0] = fit(
    telling,
    all.map(each => each.frameBytes),
  )
  return {
    hear: { fixed, row, rowAndNode: Math.max(0, rowAndNode) },
    frameBytes,
    rowBytes,
    tell: { fixed: tellFixed, row: tellRow },
  }
}

async function bytesOfRequest(): Promise<Pick<Measurements, 'logBytes' | 'tableBytes'>> {
  await using model = await startNginx()
  await using env = await startTestEnv()
  const gateway = await env.gateway(model.origin)
  const { jetStream, postgres } = await measureSizes(gateway, env, BODY, SIZED_REQUESTS)
  return { logBytes: jetStream, tableBytes: postgres }
}

function measuredText({ gossip, ...rest }: Measurements): string {
  const { hear, tell } = gossip
  const perNode = `${figure(hear.row)} + ${figure(hear.rowAndNode)} × nodes`
  return [
    '| measured | |',
    '|---|---|',
    `| CPU of a request, gateway | ${figure(rest.gatewayMicros)} µs |`,
    `| CPU of a request, nats-server | ${figure(rest.natsMicros)} µs |`,
    `| bytes of a request, log (one copy) | ${figure(rest.logBytes)} |`,
    `| bytes of a request, tables | ${figure(rest.tableBytes)} |`,
    `| one log takes of one publisher | ${figure(rest.logEventsPerSecond)} events/s |`,
    `| one projection writes | ${figure(rest.projectedPerSecond)} events/s |`,
    `| a gossip frame received | ${figure(hear.fixed)} µs + ${perNode} µs for each identity in it |`,
    `| a gossip frame sent | ${figure(tell.fixed)} µs + ${figure(tell.row)} µs for each identity in it |`,
    `| a gossip frame's bytes | ${figure(gossip.frameBytes)} + ${figure(gossip.rowBytes)} for each identity in it |`,
  ].join('\n')
}

function clusterTable(costs: readonly ClusterCost[]): string {
  const columns: ReadonlyArray<readonly [string, (cost: ClusterCost) => number]> = [
    ['nodes', cost => cost.nodes],
    ['requests/s of a node', cost => cost.requestsPerNode],
    ['requests/s', cost => cost.requestsPerSecond],
    ['gossip, % of a node', cost => cost.gossipShare * 100],
    ['gossip delivered, messages/s', cost => cost.gossipMessagesPerSecond],
    ['gossip delivered, Mbit/s', cost => cost.gossipMbitPerSecond],
    ['events/s', cost => cost.eventsPerSecond],
    ['cores for nats-server', cost => cost.natsCores],
    ['logs as measured', cost => cost.logs],
    ['projections as measured', cost => cost.projections],
    ['log, GB a day', cost => cost.logGbPerDay],
    ['tables, GB a day', cost => cost.tableGbPerDay],
  ]
  return [
    `| ${columns.map(([name]) => name).join(' | ')} |`,
    `|${columns.map(() => '---').join('|')}|`,
    ...costs.map(cost => `| ${columns.map(([, of]) => figure(of(cost))).join(' | ')} |`),
  ].join('\n')
}
