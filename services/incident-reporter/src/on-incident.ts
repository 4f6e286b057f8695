import type { StoredEvent } from '@fluxgate/contracts'
import { done, later, type Outcome, poison } from '@fluxgate/nats'
import type { Joined } from './incident-book.ts'
import { type Notification, notificationOf } from './notification.ts'

export interface NotifyDeps {
  readonly joinedInto: (opened: StoredEvent, signal: AbortSignal) => Promise<Joined | undefined>
  /** Rejects when the receiver has not taken it. */
  readonly send: (notification: Notification, signal: AbortSignal) => Promise<void>
  readonly isGone: (error: unknown) => boolean
  readonly onFailed: (error: unknown, notification: Notification) => void
  readonly retryMinMs: number
  readonly retryMaxMs: number
}

/** A fact of an incident, told to a receiver: once, or more often when its answer is lost; `webhook-id` stays the same. */
export function notify(deps: NotifyDeps) {
  return async (logged: StoredEvent, attempt: number, signal: AbortSignal): Promise<Outcome> => {
    const notification = notificationOf(logged.event)
    if (!notification) return done
    if (logged.event.type === 'fluxgate.incidents.opened' && (await deps.joinedInto(logged, signal)))
      return done
    try {
      await deps.send(notification, signal)
      return done
    } catch (error) {
      if (deps.isGone(error)) return poison((error as Error).message)
      if (!signal.aborted) deps.onFailed(error, notification)
      return later(Math.min(deps.retryMinMs * 2 ** (attempt - 1), deps.retryMaxMs))
    }
  }
}
