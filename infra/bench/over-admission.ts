import { flood } from '../e2e/limits/flood.ts'
import { startNodes } from '../e2e/limits/nodes.ts'

/**
 * Over-admission, `npm run fluxgate -- bench:over-admission [runs [nodes]]`: gateway processes on one nats-server; in each run a
 * fresh identity is called at all of them at once. Printed: tokens let through, tokens that capacity and refill allow in
 * that time, what is beyond as a part of the capacity, and the stated bound (2 % of the capacity, and nodes × gossip
 * interval × the peak rate at which tokens were let through).
 */
const RUNS = Number(process.argv[2] ?? 10)
const NODES = Number(process.argv[3] ?? 3)
const LIMIT = { capacity: 50_000, refill_rate: 1_000 }
const CALLERS = 8
const FLOOD_MS = 3_000
const PROMISE = 0.02

await using cluster = await startNodes(NODES)
console.log(
  `${NODES} gateway processes, ${CALLERS} callers at each, ${FLOOD_MS} ms; capacity ${LIMIT.capacity}, ${LIMIT.refill_rate} a second`,
)
const share = (tokens: number): string => `${((tokens / LIMIT.capacity) * 100).toFixed(2)} %`
const excesses: number[] = []
let broken = 0
for (let run = 1; run <= RUNS; run++) {
  const { key } = await cluster.newKey(`bench-${run}`, LIMIT)
  const report = await flood(cluster.nodes, key, LIMIT, { callers: CALLERS, forMs: FLOOD_MS })
  // Whoever never met the limit cannot have passed it.
  if (report.refused > 0) excesses.push(report.excess)
  if (report.excess > report.bound) broken++
  const { admitted, allowed, excess, bound, peakPerSecond, refused } = report
  console.log(
    `run ${run}: admitted ${admitted}, allowed ${Math.round(allowed)}, excess ${share(excess)} of the capacity, ` +
      `bound ${share(bound)} (peak ${Math.round(peakPerSecond)} tokens/s, ${refused} refused)`,
  )
}
if (excesses.length === 0) {
  console.log(
    'no run was refused anything: this machine is too busy to meet the limit, so nothing was measured',
  )
  process.exit(1)
}
const worst = Math.max(...excesses)
console.log(
  `worst excess: ${share(worst)} of the capacity; over the stated bound: ${broken} of ${excesses.length} runs that met the limit`,
)
const retained = broken === 0 && worst <= PROMISE * LIMIT.capacity
console.log(`promise (at most ${PROMISE * 100} % of the capacity): ${retained ? 'kept' : 'BROKEN'}`)
if (!retained) process.exitCode = 1
