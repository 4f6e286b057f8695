import { BUCKETS, jsonParser, LimitsPolicy } from '@fluxgate/contracts'
import { Bucket, type NatsLink, RevisionConflict, type Watch, watchBucket } from '@fluxgate/nats'

/** Key of the tier overrides in bucket `policy`. */
export const LIMITS_KEY = 'limits'

/** Keeps the limits policy current; what cannot be read leaves the one before in force. */
export async function watchLimits(
  link: NatsLink,
  apply: (policy: LimitsPolicy | undefined) => void,
): Promise<Watch<unknown>> {
  // Other keys of the bucket have other schemas: each is read by whom it concerns.
  const raw = new Bucket<unknown>(link, BUCKETS.policy, bytes => {
    try {
      return { ok: true, value: JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown }
    } catch (cause) {
      return { ok: false, reason: (cause as Error).message }
    }
  })
  const parse = jsonParser(LimitsPolicy)
  return watchBucket(link, raw, {
    onChange(key, value) {
      if (key !== LIMITS_KEY) return
      if (value === undefined) {
        apply(undefined)
        return
      }
      const parsed = parse(Buffer.from(JSON.stringify(value)))
      if (parsed.ok) apply(parsed.value)
      else link.log.error({ reason: parsed.reason }, 'limits policy refused, the one before stays in force')
    },
  })
}

const NO_OVERRIDES: LimitsPolicy = Object.freeze({ tiers: {}, identities: {} })

/** Reads, changes and writes back the limits policy; starts over when another writer was first. */
export async function changeLimits(
  link: NatsLink,
  change: (policy: LimitsPolicy) => LimitsPolicy,
): Promise<void> {
  const bucket = new Bucket(link, BUCKETS.policy, jsonParser(LimitsPolicy))
  for (;;) {
    const found = await bucket.get(LIMITS_KEY)
    try {
      await bucket.update(LIMITS_KEY, change(found?.value ?? NO_OVERRIDES), found?.revision ?? 0)
      return
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error
    }
  }
}
