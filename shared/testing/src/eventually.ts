import { setTimeout as sleep } from 'node:timers/promises'

/** Only a failing test waits for so long; a passing one on a busy machine may need most of it. */
const TIMEOUT_MS = 30_000
const EVERY_MS = 20

/**
 * Polls `attempt` until it neither throws nor returns `false`, and returns what it returned: it takes a predicate as
 * well as a block of assertions. After `timeoutMs` it throws the last error, or says that the answer stayed false.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = TIMEOUT_MS, everyMs = EVERY_MS }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    let fault: unknown
    try {
      const value = await attempt()
      if (value !== false) return value
      fault = new Error('the answer stayed false')
    } catch (error) {
      fault = error
    }
    if (performance.now() >= deadline) {
      const reason = fault instanceof Error ? fault.message : String(fault)
      throw new Error(`not within ${timeoutMs} ms: ${reason}`, { cause: fault })
    }
    await sleep(everyMs)
  }
}
