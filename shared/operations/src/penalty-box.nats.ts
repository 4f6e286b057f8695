import {
  BUCKETS,
  type EventMaker,
  type Identity,
  identityText,
  jsonParser,
  Throttle,
  ThrottleImposed,
  ThrottlePardoned,
} from '@fluxgate/contracts'
import { Bucket, type Entry, type EventPublisher, type NatsLink, RevisionConflict } from '@fluxgate/nats'

/** The bucket `throttles`, each change of which is followed by its event. */
export interface PenaltyBox {
  readonly bucket: Bucket<Throttle>
  get(identity: Identity): Promise<Entry<Throttle> | undefined>
  /** Puts the throttle, then publishes `throttles.imposed`. The same incident twice is one throttle and one event. */
  impose(identity: Identity, throttle: Throttle): Promise<void>
  /** Deletes the throttle and publishes `throttles.pardoned`; false when there was none in force. */
  pardon(identity: Identity, actor: string, reason: string, nowMs: number): Promise<boolean>
}

export function openPenaltyBox(link: NatsLink, publisher: EventPublisher, make: EventMaker): PenaltyBox {
  const bucket = new Bucket(link, BUCKETS.throttles, jsonParser(Throttle))
  return {
    bucket,
    get: identity => bucket.get(identityText(identity)),

    async impose(identity, throttle) {
      await bucket.put(identityText(identity), throttle)
      const { imposedAt, ...data } = throttle
      // The id is made from the incident, so that the log takes the event of one incident's throttle only once.
      const id = throttle.incident ? { id: `imposed-${throttle.incident}` } : {}
      await publisher.publish(make(ThrottleImposed, { ...identity, ...data }, { ...id, timeMs: imposedAt }))
    },

    async pardon(identity, actor, reason, nowMs) {
      for (;;) {
        const found = await bucket.get(identityText(identity))
        if (!found || found.value.until <= nowMs) return false
        try {
          await bucket.delete(identityText(identity), found.revision)
        } catch (error) {
          if (error instanceof RevisionConflict) continue
          throw error
        }
        const { incident } = found.value
        await publisher.publish(
          make(ThrottlePardoned, {
            ...identity,
            actor,
            reason,
            ...(incident === undefined ? {} : { incident }),
          }),
        )
        return true
      }
    },
  }
}
