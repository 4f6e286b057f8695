import type { StoredEvent } from '@fluxgate/contracts'
import { buryEvent } from './dead-letter.ts'
import type { NatsLink } from './link.ts'
import { pause } from './read.ts'

export interface HandlingFailure {
  readonly at: StoredEvent
  readonly error: unknown
}

const NONE: readonly HandlingFailure[] = Object.freeze([])
const RETRY_MS = 1_000

/**
 * Handles events one by one, for a fold in memory: what throws ends the handling of its event alone. A batch that is handed
 * over again, as `follow` does after a throw, would fold its other events twice, and would never end.
 */
export function handleEach(
  events: readonly StoredEvent[],
  handle: (at: StoredEvent) => void,
): readonly HandlingFailure[] {
  let failures: HandlingFailure[] | undefined
  for (const at of events) {
    try {
      handle(at)
    } catch (error) {
      failures ??= []
      failures.push({ at, error })
    }
  }
  return failures ?? NONE
}

/** Makes dead letters of them. It does not throw: it tries again until the log has them, or the signal aborts. */
export async function buryFailures(
  link: NatsLink,
  consumer: string,
  failures: readonly HandlingFailure[],
  signal: AbortSignal,
): Promise<void> {
  for (const { at, error } of failures) {
    const reason = `handling it threw: ${error instanceof Error ? error.message : String(error)}`
    while (!signal.aborted) {
      try {
        await buryEvent(link, consumer, at, reason, signal)
        break
      } catch (cause) {
        link.log.error(
          { err: cause, consumer, sequence: at.sequence },
          'dead letter not stored, trying again',
        )
        await pause(RETRY_MS, signal)
      }
    }
  }
}
