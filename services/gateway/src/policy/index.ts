export { findBudget, withBudget, withoutBudget } from './budget-book.ts'
export { openPolicyBooks, watchPolicy } from './policy.nats.ts'
export { isTierDefined, tiersOf, unknownTier, withOverrides, withoutTier, withTier } from './tier-book.ts'
