import { STREAMS } from '@fluxgate/contracts'
import { positionAt } from '../place.ts'
import { identityOf, MAX_EVIDENCE, type Rule, type TimedEvent } from '../rule.ts'

/** Streams of one identity that are remembered: more than any policy can allow. */
const MAX_RUNNING = 1_001

interface Begun {
  readonly atMs: number
  readonly place: number
}

/** By request, in the order in which they began. */
type Running = Map<string, Begun>

/** Streams of one identity that run at the same time. One whose end was never published counts for a window's length. */
export const concurrentStreams: Rule<Running> = {
  name: 'concurrentStreams',
  streams: [STREAMS.requests],

  keyOf: entry => (beginning(entry) || ending(entry) ? entry.event.subject : undefined),

  evolve(memory, entry, policy) {
    const { request } = entry.event.data as { request: string }
    if (!beginning(entry)) {
      memory?.delete(request)
      return memory?.size ? memory : undefined
    }
    const running = memory ?? new Map<string, Begun>()
    running.set(request, { atMs: entry.atMs, place: entry.place })
    const oldest = entry.atMs - policy.rules.concurrentStreams.windowMs
    for (const [begun, { atMs }] of running) {
      if (atMs > oldest && running.size <= MAX_RUNNING) break
      running.delete(begun)
    }
    return running
  },

  crossedBy(memory, entry, policy) {
    const isOver = beginning(entry) && memory.size > policy.rules.concurrentStreams.threshold
    return isOver ? identityOf(entry.event.data as never) : undefined
  },

  explain(memory, entry, policy) {
    const { windowMs, threshold } = policy.rules.concurrentStreams
    return {
      severity: 'medium',
      explanation: `${memory.size} streams run at once. The policy allows ${threshold}.`,
      numbers: { streams: memory.size, threshold, windowMs },
      evidence: [...memory.values()].slice(-MAX_EVIDENCE).map(({ place }) => positionAt(entry.stream, place)),
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

function beginning({ event }: TimedEvent): boolean {
  return event.type === 'fluxgate.requests.admitted' && event.data.stream
}

function ending({ event }: TimedEvent): boolean {
  return (
    event.type === 'fluxgate.requests.completed' ||
    event.type === 'fluxgate.requests.failed' ||
    event.type === 'fluxgate.requests.interrupted'
  )
}
