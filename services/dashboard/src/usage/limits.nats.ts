import {
  BUCKETS,
  DEFAULT_TIERS,
  FALLBACK_TIER,
  jsonParser,
  LimitsPolicy,
  type Throttle,
  type Tier,
} from '@fluxgate/contracts'
import { Bucket, type NatsLink } from '@fluxgate/nats'
import type { GatewayAdmin } from '../gateway/index.ts'
import { shareFor } from '../http/index.ts'
import type { LimitView } from './answers.ts'

export interface LimitSources {
  readonly link: NatsLink
  readonly admin: GatewayAdmin
  readonly throttleOf: (identity: string, nowMs: number) => Throttle | undefined
  readonly nowMs: () => number
  /** One look at all buckets serves all who ask within this time. */
  readonly ageMs: number
}

/** The limits of some keys of a user, as the gateways go by them, and what is left of each bucket now. */
export type LimitsOf = (user: string, tier: string, keys: readonly string[]) => Promise<LimitView[]>

export function openLimits({ link, admin, throttleOf, nowMs, ageMs }: LimitSources): LimitsOf {
  const bucket = new Bucket(link, BUCKETS.policy, jsonParser(LimitsPolicy))
  const sharing = { ageMs, nowMs, version: () => 0 }
  const levels = shareFor(sharing, () => admin.read<Record<string, number>>('/admin/metrics'))
  return async (user, tier, keys) => {
    const [policy, left] = await Promise.all([readPolicy(bucket, link), levels()])
    return keys.map(keyId => {
      const identity = `${user}.${keyId}`
      const throttle = throttleOf(identity, nowMs()) ?? null
      const limit = limitOf(policy, identity, tier)
      const full = Math.min(limit.tier.capacity, throttle?.capacity ?? Number.POSITIVE_INFINITY)
      const tokensLeft = left.ok ? (left.value[identity] ?? full) : null
      return { keyId, ...limit, tokensLeft, throttle }
    })
  }
}

async function readPolicy(bucket: Bucket<LimitsPolicy>, link: NatsLink): Promise<LimitsPolicy | undefined> {
  return link.isConnected() ? (await bucket.get('limits'))?.value : undefined
}

/** As gateways choose: the identity's own limit, or the tier that it names, or the user's tier. */
function limitOf(
  policy: LimitsPolicy | undefined,
  identity: string,
  userTier: string,
): { source: string; tier: Tier } {
  const override = own(policy?.identities, identity)
  if (typeof override === 'object') return { source: 'own', tier: override }
  const name = override ?? userTier
  const tier = own(policy?.tiers, name) ?? own(DEFAULT_TIERS, name)
  return tier ? { source: name, tier } : { source: FALLBACK_TIER, tier: DEFAULT_TIERS[FALLBACK_TIER] }
}

function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record && Object.hasOwn(record, name) ? record[name] : undefined
}
