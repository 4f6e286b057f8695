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
import { Bucket, type Entry, RevisionConflict } from './bucket.ts'
import type { NatsLink } from './link.ts'
import type { EventPublisher } from './publisher.ts'

/** The commands on bucket `throttles`, each followed by its fact. Used by the guard and by every face a person acts through. */
export interface PenaltyBox {
  readonly bucket: Bucket<Throttle>
  get(identity: Identity): Promise<Entry<Throttle> | undefined>
  /** Puts the throttle, then publishes `throttles.imposed`. The same incident twice is one throttle and one fact. */
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
      const { imposedAt, ...fact } = throttle
      // An id made from the incident: the fact of one incident's throttle cannot stand in the log twice.
      const id = throttle.incident ? { id: `imposed-${throttle.incident}` } : {}
      await publisher.publish(make(ThrottleImposed, { ...identity, ...fact }, { ...id, timeMs: imposedAt }))
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
