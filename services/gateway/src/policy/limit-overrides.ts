import { type Identity, identityText, type LimitsPolicy, type Tier } from '@fluxgate/contracts'
import { done, type Outcome, refused } from '../http/index.ts'

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
