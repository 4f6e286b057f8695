import { CALL_TOKENS, call, type Limit, type Node } from './nodes.ts'

/** As a gateway has it when nothing is set (`GOSSIP_INTERVAL`). */
const GOSSIP_INTERVAL_S = 0.025
/** What the design allows beyond the capacity and what the gossip's interval explains. */
const TOLERANCE = 0.02
const PEAK_WINDOW_MS = 100

export interface FloodReport {
  readonly admitted: number
  /** Capacity and refill over the time of the flood. */
  readonly allowed: number
  /** Beyond what is allowed; negative: less. */
  readonly excess: number
  /** The excess that is promised not to be passed. */
  readonly bound: number
  readonly tookMs: number
  readonly peakPerSecond: number
  readonly refused: number
}

/**
 * One identity's calls at all nodes from `callers` at each, one after another, for `forMs`; what was let through, in
 * tokens, or in requests where the limit is one of requests.
 */
export async function flood(
  nodes: readonly Node[],
  key: string,
  limit: Limit,
  options: { readonly callers: number; readonly forMs: number },
): Promise<FloodReport> {
  const admittedAtMs: number[] = []
  let refused = 0
  const startedMs = performance.now()
  const caller = async (node: Node): Promise<void> => {
    while (performance.now() - startedMs < options.forMs) {
      const status = await call(node, key)
      if (status === 200) admittedAtMs.push(performance.now() - startedMs)
      else if (status === 429) refused++
      else throw new Error(`a call was answered with ${status}`)
    }
  }
  await Promise.all(nodes.flatMap(node => Array.from({ length: options.callers }, () => caller(node))))
  const tookMs = performance.now() - startedMs

  const perMinute = limit.requests_per_minute
  const unit = perMinute === undefined ? CALL_TOKENS : 1
  const capacity = perMinute ?? limit.capacity
  const refillRate = perMinute === undefined ? limit.refill_rate : perMinute / 60
  const admitted = admittedAtMs.length * unit
  const allowed = capacity + (refillRate * tookMs) / 1_000
  const peakPerSecond = (peak(admittedAtMs) * unit * 1_000) / PEAK_WINDOW_MS
  const bound = TOLERANCE * capacity + nodes.length * GOSSIP_INTERVAL_S * peakPerSecond
  return { admitted, allowed, excess: admitted - allowed, bound, tookMs, peakPerSecond, refused }
}

/** The most of these times (in order) that fell into one window. */
function peak(timesMs: readonly number[]): number {
  let most = 0
  let first = 0
  for (let last = 0; last < timesMs.length; last++) {
    while (timesMs[last]! - timesMs[first]! >= PEAK_WINDOW_MS) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}
