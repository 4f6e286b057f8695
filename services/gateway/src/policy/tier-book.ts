import {
  DEFAULT_TIERS,
  type Identity,
  identityText,
  type LimitsPolicy,
  type Tier,
  type TierName,
} from '@fluxgate/contracts'
import { done, type Outcome, refused } from '../http/index.ts'

export interface NamedTier {
  readonly name: TierName
  readonly tier: Tier
  /** `default`: as it comes; `policy`: as the limits policy has it. */
  readonly source: 'default' | 'policy'
}

const MAX_TIERS = 1_000

/** All tiers that a user can be in: those of the policy, and the defaults that it leaves as they are. */
export function tiersOf(policy: LimitsPolicy): readonly NamedTier[] {
  const given = Object.entries(policy.tiers).map(
    ([name, tier]): NamedTier => ({ name, tier, source: 'policy' }),
  )
  const defaults = Object.entries(DEFAULT_TIERS)
    .filter(([name]) => !Object.hasOwn(policy.tiers, name))
    .map(([name, tier]): NamedTier => ({ name, tier, source: 'default' }))
  return [...defaults, ...given]
}

export function isTierDefined(policy: LimitsPolicy, name: TierName): boolean {
  return Object.hasOwn(policy.tiers, name) || Object.hasOwn(DEFAULT_TIERS, name)
}

export function unknownTier(name: TierName) {
  return refused('unknown_tier', `There is no tier ${JSON.stringify(name)}. Define it first.`)
}

export function withTier(policy: LimitsPolicy, name: TierName, tier: Tier): Outcome<LimitsPolicy> {
  const tiers = { ...policy.tiers, [name]: tier }
  if (Object.keys(tiers).length > MAX_TIERS)
    return refused('conflict', `There are ${MAX_TIERS} tiers already.`)
  return done({ ...policy, tiers })
}

/** Takes a tier out of the policy; a default one is then as it comes again. `users` says whether any user is in it. */
export function withoutTier(policy: LimitsPolicy, name: TierName, users: boolean): Outcome<LimitsPolicy> {
  const isDefault = Object.hasOwn(DEFAULT_TIERS, name)
  if (!Object.hasOwn(policy.tiers, name)) {
    return isDefault
      ? refused('conflict', `The tier ${name} comes with the gateway and is as it comes.`)
      : refused('not_found', 'There is no such tier.')
  }
  const { [name]: _, ...tiers } = policy.tiers
  if (isDefault) return done({ ...policy, tiers })
  if (users) return refused('conflict', 'Users are in this tier. Put them into another one first.')
  if (Object.values(policy.identities).includes(name)) {
    return refused('conflict', 'Limits of single identities name this tier. Change them first.')
  }
  if (policy.budgets?.some(({ each, only }) => each === 'tier' && only === name)) {
    return refused('conflict', 'A budget names this tier. Change it first.')
  }
  return done({ ...policy, tiers })
}

/** The policy is one value of at most a megabyte that every node holds. */
const MAX_OVERRIDES = 5_000

/** The policy with these identities' limits replaced, or without theirs when there is no `limit`. */
export function withOverrides(
  policy: LimitsPolicy,
  about: readonly Identity[],
  limit: Tier | undefined,
): Outcome<LimitsPolicy> {
  const identities = { ...policy.identities }
  for (const identity of about) {
    if (limit) identities[identityText(identity)] = limit
    else delete identities[identityText(identity)]
  }
  if (limit && Object.keys(identities).length > MAX_OVERRIDES) {
    return refused('conflict', `There are ${MAX_OVERRIDES} limits of single identities already.`)
  }
  return done({ ...policy, identities })
}
