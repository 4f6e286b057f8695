import { BUCKETS, GuardPolicy, jsonParser } from '@fluxgate/contracts'
import { Bucket, type NatsLink, watchBucket } from '@fluxgate/nats'
import type { Log } from '@fluxgate/runtime'

const KEY = 'guard'
const parsePolicy = jsonParser(GuardPolicy)

export interface LivePolicy extends AsyncDisposable {
  /** The policy in force now. */
  current(): GuardPolicy
}

/**
 * The policy that operators keep in the bucket, over the one of the environment. One that is not valid is refused and
 * told, and the one before stays; a deleted one brings the environment's back.
 */
export async function watchPolicy(
  link: NatsLink,
  fallback: GuardPolicy,
  log: Log,
  onRefused: () => void,
): Promise<LivePolicy> {
  // The bucket holds other policies too, of other shapes: only ours is read.
  const bucket = new Bucket(link, BUCKETS.policy, bytes => ({ ok: true, value: bytes }))
  let policy = fallback
  const watch = await watchBucket(link, bucket, {
    onChange(key, bytes, revision) {
      if (key !== KEY) return
      const parsed = bytes === undefined ? { ok: true as const, value: fallback } : parsePolicy(bytes)
      if (parsed.ok) {
        policy = parsed.value
        log.info({ policy, revision }, 'policy in force')
      } else {
        onRefused()
        log.error({ reason: parsed.reason, revision }, 'policy refused, the one before stays in force')
      }
    },
  })
  return {
    current: () => policy,
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  }
}
