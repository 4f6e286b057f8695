import { BUCKETS, GuardPolicy, jsonParser } from '@fluxgate/contracts'
import { wholePolicy } from '@fluxgate/guard-core'
import { Bucket, type NatsLink, watchBucket } from '@fluxgate/nats'
import { GUARD_POLICY_KEYS } from '@fluxgate/operations'
import type { Log } from '@fluxgate/runtime'
import type { Policies } from './folds.ts'

const parsePolicy = jsonParser(GuardPolicy)

export interface LivePolicy extends AsyncDisposable {
  /** The policies in force now. */
  current(): Policies
}

/**
 * The policies that operators keep in the bucket: the live one over that of the environment, and the shadow one, if any.
 * One that is not valid is refused and told, and the one before stays; a deleted one brings the environment's back.
 */
export async function watchPolicy(
  link: NatsLink,
  fallback: GuardPolicy,
  log: Log,
  onRefused: () => void,
): Promise<LivePolicy> {
  // The bucket holds other policies too, of other shapes: only ours are read.
  const bucket = new Bucket(link, BUCKETS.policy, bytes => ({ ok: true, value: bytes }))
  let policies: Policies = { live: wholePolicy(fallback), shadow: undefined }
  const watch = await watchBucket(link, bucket, {
    onChange(key, bytes, revision) {
      const isShadow = key === GUARD_POLICY_KEYS.shadow
      if (!isShadow && key !== GUARD_POLICY_KEYS.live) return
      const parsed = bytes === undefined ? undefined : parsePolicy(bytes)
      if (parsed?.ok === false) {
        onRefused()
        log.error({ key, reason: parsed.reason, revision }, 'policy refused, the one before stays in force')
        return
      }
      const policy = parsed?.value
      policies = isShadow
        ? { ...policies, shadow: policy && wholePolicy(policy) }
        : { ...policies, live: wholePolicy(policy ?? fallback) }
      log.info({ key, policy, revision }, 'policy in force')
    },
  })
  return {
    current: () => policies,
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  }
}
