import { STREAMS } from '@fluxgate/contracts'
import { identityOf } from './accused.ts'
import type { TimedFact } from './fact.ts'
import { MAX_EVIDENCE, type Rule } from './rule.ts'

/** Streams of one identity that are remembered: more than any policy can allow. */
const MAX_RUNNING = 1_001

interface Begun {
  readonly atMs: number
  readonly sequence: number
}

/** By request, in the order in which they began. */
type Running = Map<string, Begun>

/** Streams of one identity that run at the same time. One whose end was never told counts for a window's length. */
export const concurrentStreams: Rule<Running> = {
  name: 'concurrentStreams',
  streams: [STREAMS.requests],

  keyOf: fact => (beginning(fact) || ending(fact) ? fact.event.subject : undefined),

  evolve(memory, fact, policy) {
    const { request } = fact.event.data as { request: string }
    if (!beginning(fact)) {
      memory?.delete(request)
      return memory?.size ? memory : undefined
    }
    const running = memory ?? new Map<string, Begun>()
    running.set(request, { atMs: fact.atMs, sequence: fact.sequence })
    const oldest = fact.atMs - policy.rules.concurrentStreams.windowMs
    for (const [begun, { atMs }] of running) {
      if (atMs > oldest && running.size <= MAX_RUNNING) break
      running.delete(begun)
    }
    return running
  },

  crossedBy(memory, fact, policy) {
    const isOver = beginning(fact) && memory.size > policy.rules.concurrentStreams.threshold
    return isOver ? identityOf(fact.event.data as never) : undefined
  },

  explain(memory, fact, policy) {
    const { windowMs, threshold } = policy.rules.concurrentStreams
    return {
      severity: 'medium',
      explanation: `${memory.size} streams run at once. The policy allows ${threshold}.`,
      numbers: { streams: memory.size, threshold, windowMs },
      evidence: [...memory.values()]
        .slice(-MAX_EVIDENCE)
        .map(({ sequence }) => ({ stream: fact.stream, sequence })),
    }
  },

  isIdle(memory, atMs, policy) {
    for (const begun of memory.values()) {
      if (begun.atMs > atMs - policy.rules.concurrentStreams.windowMs) return false
    }
    return true
  },

  memoryMs: policy => policy.rules.concurrentStreams.windowMs,
}

function beginning({ event }: TimedFact): boolean {
  return event.type === 'fluxgate.requests.admitted' && event.data.stream
}

function ending({ event }: TimedFact): boolean {
  return (
    event.type === 'fluxgate.requests.completed' ||
    event.type === 'fluxgate.requests.failed' ||
    event.type === 'fluxgate.requests.interrupted'
  )
}
