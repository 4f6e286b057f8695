import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { EdgeLimits } from './edge-limits.ts'

export interface Overload extends Disposable {
  /** Why new work is refused just now, or undefined. */
  readonly reason: string | undefined
}

const RESOLUTION_MS = 10
const SAMPLE_EVERY_MS = 500

/**
 * Looks at the event loop's delay and the heap twice a second, so that a request asks one field. A hook of
 * `@fastify/under-pressure` would do the same on every route, those that must answer a balancer included.
 */
export function watchOverload(limits: Pick<EdgeLimits, 'maxLoopDelayMs' | 'maxHeapShare'>): Overload {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  let reason: string | undefined
  const timer = setInterval(() => {
    reason = overloadOf(delays.mean / 1e6 - RESOLUTION_MS, getHeapStatistics(), limits)
    delays.reset()
  }, SAMPLE_EVERY_MS)
  timer.unref()
  return {
    get reason() {
      return reason
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      delays.disable()
    },
  }
}

export function overloadOf(
  loopDelayMs: number,
  heap: { readonly used_heap_size: number; readonly heap_size_limit: number },
  { maxLoopDelayMs, maxHeapShare }: Pick<EdgeLimits, 'maxLoopDelayMs' | 'maxHeapShare'>,
): string | undefined {
  if (maxLoopDelayMs > 0 && loopDelayMs > maxLoopDelayMs) {
    return `the event loop is ${Math.round(loopDelayMs)} ms late`
  }
  const share = heap.used_heap_size / heap.heap_size_limit
  return share > maxHeapShare ? `the heap is ${Math.round(share * 100)} % full` : undefined
}
