export { findBudget, withBudget, withoutBudget } from './budget-book.ts'
export { withOverrides } from './limit-overrides.ts'
export { openPolicyBooks, watchPolicy } from './policy.nats.ts'
export { isTierDefined, tiersOf, unknownTier, withoutTier, withTier } from './tier-book.ts'
