import { parseArgs } from 'node:util'
import { type LogEvent, parseEvent } from '@fluxgate/contracts'
import { Fold } from '../src/fold.ts'
import { Log, SEED } from '../src/test-events.ts'
import { wholePolicy } from '../src/whole-policy.ts'

/**
 * Speed and memory of the fold with every rule on, `npm run fluxgate -- bench:guard`: 100,000 identities that are all live in the
 * windows of every rule. Each calls, streams, settles and shows its key from two addresses; before that each has had an
 * hour of use, so that baselines are whole. `[--identities 100000] [--json]`; `--expose-gc`, or the memory tells nothing.
 */
const ROUNDS = 4
const BASELINE_WINDOWS = 30
/** One round passes in a third of the shortest window, so that each identity is remembered with several slots. */
const ROUND_MS = 600

interface CoreFigures {
  readonly eventsPerSecond: number
  /** For each second of processor time. */
  readonly eventsPerCpuSecond: number
  /** Bytes to checked event. */
  readonly parsedPerSecond: number
  /** That of Node itself included. */
  readonly heapMb: number
  /** Keys that each rule remembers. */
  readonly keys: ReadonlyArray<readonly [rule: string, keys: number]>
  readonly decisions: number
}

function measureCore(identities: number): CoreFigures {
  const policy = wholePolicy(SEED)
  const { windowMs } = policy.rules.tokenDrain
  const log = logOf(identities)
  const bytes = log.entries.map(({ event }) => Buffer.from(JSON.stringify(event)))
  const settled = log.entries.filter(entry => entry.event.type === 'fluxgate.tokens.settled')
  const parsedAt = performance.now()
  for (const each of bytes) parseEvent(each)
  const parsedPerSecond = (bytes.length / (performance.now() - parsedAt)) * 1_000

  collect()
  const fold = new Fold()
  const sequences = new Map<string, number>()
  let decisions = 0
  const take = (entry: LogEvent, laterMs: number): void => {
    const sequence = (sequences.get(entry.stream) ?? 0) + 1
    sequences.set(entry.stream, sequence)
    const now = { ...entry, sequence, storedAtMs: entry.storedAtMs + laterMs }
    decisions += fold.fold(now, policy).length
  }
  for (let window = 0; window < BASELINE_WINDOWS; window++) {
    for (const entry of settled) take(entry, (window - BASELINE_WINDOWS) * windowMs)
  }
  const startedAt = performance.now()
  const cpuBefore = process.cpuUsage()
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, entry] of log.entries.entries()) {
      take(entry, round * ROUND_MS + Math.floor((i / log.entries.length) * ROUND_MS))
    }
  }
  const folded = ROUNDS * log.entries.length
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  // What is left is the fold, and some megabytes of Node.
  for (const each of [log.entries, settled, bytes]) each.length = 0
  collect()
  return {
    eventsPerSecond: folded / seconds,
    eventsPerCpuSecond: folded / ((user + system) / 1e6),
    parsedPerSecond,
    heapMb: process.memoryUsage().heapUsed / 1024 ** 2,
    keys: [...fold.sizes()].map(([rule, { keys }]) => [rule, keys]),
    decisions,
  }
}

function logOf(identities: number): Log {
  const log = new Log()
  for (let i = 0; i < identities; i++) {
    const identity = { user: `user${i}`, key: `key${i}` }
    const { data } = log.admitted(0, identity, { stream: i % 3 === 0 }).event
    log.keyAccepted(0, `10.${i & 255}.0.1`, identity)
    log.keyAccepted(0, `10.${i & 255}.0.2`, identity)
    log.progressed(0, 3, identity)
    log.settled(0, 7, identity, { progressed: 3 })
    // A third of the streams is still running.
    if (i % 3 !== 0)
      log.completed(0, (data as { request: string }).request, identity, i % 50 === 0 ? 404 : 200)
  }
  return log
}

function collect(): void {
  globalThis.gc?.()
  globalThis.gc?.()
}

const { values } = parseArgs({
  options: { identities: { type: 'string', default: '100000' }, json: { type: 'boolean', default: false } },
})
const figures = measureCore(Number(values.identities))
if (values.json) console.log(JSON.stringify(figures))
else {
  const figure = (value: number) => Math.round(value).toLocaleString('en')
  const { eventsPerSecond, eventsPerCpuSecond, parsedPerSecond, heapMb, keys, decisions } = figures
  const identities = figure(Number(values.identities))
  console.log(`folded       ${figure(eventsPerSecond)} events/s over ${identities} identities, every rule on`)
  console.log(`             ${figure(eventsPerCpuSecond)} for each second of processor time`)
  console.log(`parsed       ${figure(parsedPerSecond)} events/s (bytes to checked event)`)
  console.log(`remembered   in ${heapMb.toFixed(0)} MB of heap, that of Node itself included`)
  for (const [rule, count] of keys) console.log(`  ${rule.padEnd(20)} ${figure(count)} keys`)
  console.log(`decisions    ${decisions}`)
}
