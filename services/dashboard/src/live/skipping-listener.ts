import type { FluxgateEvent } from '@fluxgate/contracts'
import type { Log } from '@fluxgate/runtime'

/** Gets the log as it is read. */
export interface LogListener {
  /** The log will be read again from there on. */
  rewind(fromMs: number): void
  event(event: FluxgateEvent, storedAtMs: number): void
  /** A second is over. */
  tick(nowMs: number): void
  feed(connected: boolean, nowMs: number): void
}

export interface SkippingListener extends LogListener {
  /** Events that are not in the picture because folding them threw. */
  readonly skipped: number
}

/**
 * A listener whose throws go no further. The picture only displays: an event that it cannot fold is skipped, counted and
 * logged, and its neighbours are folded; the projection makes a dead letter of it.
 */
export function skippingListener(listener: LogListener, log: Pick<Log, 'error'>): SkippingListener {
  let skipped = 0
  const attempt = (what: string, run: () => void): boolean => {
    try {
      run()
      return true
    } catch (error) {
      log.error({ err: error }, what)
      return false
    }
  }
  return {
    rewind: fromMs => {
      attempt('the live picture could not be rewound', () => listener.rewind(fromMs))
    },
    event: (event, storedAtMs) => {
      const what = `event ${event.id} (${event.type}) is not in the live picture`
      if (!attempt(what, () => listener.event(event, storedAtMs))) skipped++
    },
    tick: nowMs => {
      attempt('a second of the live picture could not be sent', () => listener.tick(nowMs))
    },
    feed: (connected, nowMs) => {
      attempt('the state of the log could not be sent', () => listener.feed(connected, nowMs))
    },
    get skipped() {
      return skipped
    },
  }
}
