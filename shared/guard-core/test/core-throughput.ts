import { parseEvent } from '@fluxgate/contracts'
import { Fold } from '../src/fold.ts'
import { Log, POLICY } from '../src/test-facts.ts'

/**
 * Speed and memory of the fold: 100,000 identities, each live in the window, events spread over them by turns.
 * `node --expose-gc shared/guard-core/test/core-throughput.ts`
 */
const IDENTITIES = 100_000
const ROUNDS = 20
/** One round passes in a third of the window, so that each identity is remembered with several slots. */
const ROUND_MS = 600

const log = new Log()
for (let i = 0; i < IDENTITIES; i++) log.settled(0, 7, { user: `user${i}`, key: `key${i}` })
const bytes = log.facts.map(({ event }) => Buffer.from(JSON.stringify(event)))

const parsedAt = performance.now()
for (const each of bytes) parseEvent(each)
const parsing = (bytes.length / (performance.now() - parsedAt)) * 1_000

collect()
const before = process.memoryUsage().heapUsed
const fold = new Fold()
let decisions = 0
const startedAt = performance.now()
for (let round = 0; round < ROUNDS; round++) {
  for (let i = 0; i < IDENTITIES; i++) {
    const storedAtMs = log.facts[i]!.storedAtMs + round * ROUND_MS + Math.floor((i / IDENTITIES) * ROUND_MS)
    const fact = { ...log.facts[i]!, storedAtMs, sequence: round * IDENTITIES + i + 1 }
    decisions += fold.fold(fact, POLICY).length
  }
}
const folding = ((ROUNDS * IDENTITIES) / (performance.now() - startedAt)) * 1_000
collect()
const heapMb = (process.memoryUsage().heapUsed - before) / 1024 ** 2
const rssMb = process.memoryUsage().rss / 1024 ** 2
const remembered = fold.state.memories.get('contextFlood')?.size

console.log(`folded       ${Math.round(folding).toLocaleString('en')} events/s over ${IDENTITIES} identities`)
console.log(`parsed       ${Math.round(parsing).toLocaleString('en')} events/s (bytes to checked event)`)
console.log(
  `remembered   ${remembered} identities in ${heapMb.toFixed(0)} MB of heap (process ${rssMb.toFixed(0)} MB)`,
)
console.log(`decisions    ${decisions}`)

function collect(): void {
  globalThis.gc?.()
  globalThis.gc?.()
}
