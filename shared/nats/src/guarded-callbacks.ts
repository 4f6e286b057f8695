import type { NatsConnection } from 'nats'
import type { LinkLog } from './link.ts'

/**
 * The client calls a subscription's callback from its loop that reads the connection: a throw ends that loop, and nothing is
 * received any more. Here it ends the handling of that message alone.
 */
export function guardCallbacks(connection: Pick<NatsConnection, 'subscribe'>, log: LinkLog): void {
  const subscribe = connection.subscribe.bind(connection)
  connection.subscribe = (subject, options) => {
    const callback = options?.callback
    if (!callback) return subscribe(subject, options)
    return subscribe(subject, {
      ...options,
      callback: (error, message) => {
        try {
          callback(error, message)
        } catch (thrown) {
          log.error({ err: thrown, subject }, 'a message could not be handled and is skipped')
        }
      },
    })
  }
}

/** Calls all of them, whatever one throws. */
export function callAll(listeners: Iterable<() => void>, log: LinkLog): void {
  for (const listener of listeners) {
    try {
      listener()
    } catch (error) {
      log.error({ err: error }, 'a listener of the NATS connection failed')
    }
  }
}
