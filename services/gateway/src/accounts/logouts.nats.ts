import type { NatsLink } from '@fluxgate/nats'
import { LOGGED_OUT_SUBJECT } from '@fluxgate/session'

/** Hears on core NATS of sessions that end at any node. What is missed is asked of Postgres within seconds. */
export function watchLogouts(link: NatsLink, sessions: { received(message: Uint8Array): void }): Disposable {
  const subscription = link.connection.subscribe(LOGGED_OUT_SUBJECT, {
    callback: (error, message) => {
      if (error) link.log.error({ err: error }, 'logouts cannot be received')
      else sessions.received(message.data)
    },
  })
  return { [Symbol.dispose]: () => subscription.unsubscribe() }
}
