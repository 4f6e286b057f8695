import {
  eventFilter,
  KeyRevoked,
  parseSubject,
  TierChanged,
  UserDisabled,
  UserEnabled,
} from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import type { KeyDirectory } from './key-directory.ts'

/**
 * Hears on core NATS, as they are published, of keys that are revoked and users who change (their tier, or
 * whether they are disabled), and has them forgotten; a stream would tell it later. What a lost connection may have swallowed is checked after it.
 */
export function watchRevocations(link: NatsLink, directory: Omit<KeyDirectory, 'lookup'>): Disposable {
  const listen = (filter: string, onAbout: (user: string, key: string) => void) =>
    link.connection.subscribe(filter, {
      callback: (error, message) => {
        if (error) {
          link.log.error({ err: error, filter }, 'revocations cannot be received')
          directory.recheckAll()
          return
        }
        // The subject alone says whom it is about, whatever the version of the event; to forget too much does no harm.
        const about = parseSubject(message.subject)
        if (about && about.stream !== 'incidents') onAbout(about.user, about.key)
      },
    })
  const subscriptions = [
    listen(eventFilter(KeyRevoked), (_user, key) => directory.evictKey(key)),
    ...[TierChanged, UserDisabled, UserEnabled].map(fact =>
      listen(eventFilter(fact), user => directory.evictUser(user)),
    ),
  ]
  const offReconnect = link.onReconnect(() => directory.recheckAll())
  return {
    [Symbol.dispose]() {
      offReconnect()
      for (const subscription of subscriptions) subscription.unsubscribe()
    },
  }
}
