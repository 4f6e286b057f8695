export { type DeadLetterOptions, type DeadLetters, openDeadLetters } from './dead-letters.nats.ts'
export { type IncidentStatus, incidentStatus } from './incident-status.ts'
export {
  type ImposedThrottle,
  MAX_THROTTLE_SECONDS,
  type OrderedIncident,
  type OrderOptions,
  type Orders,
  openOrders,
  type ThrottledIdentity,
  type ThrottleOrder,
} from './orders.nats.ts'
export type { OrderErrorCode, OrderOutcome, OrderRefused } from './outcome.ts'
export { openPenaltyBox, type PenaltyBox } from './penalty-box.nats.ts'
export { type Actor, type ActorRole, ADMIN, mayOrder, type OrderName, POLICY_FILE } from './permissions.ts'
export { openPolicies, type Policies, type PolicyInForce, publishDefaultPolicy } from './policies.nats.ts'
export { openPolicyBook, type PolicyBook } from './policy-book.nats.ts'
export { policyChanges } from './policy-changes.ts'
export {
  type DeadLetterPage,
  type DeadLetterView,
  GUARD_POLICY_KEYS,
  type GuardPolicyKey,
  type PolicyChange,
  type PolicyChangeView,
  type PolicyPage,
  type PolicyView,
} from './views.ts'
