export { type ArchivedMessage, messageIn } from './core/archive.ts'
export {
  ArchiveCheck,
  type ArchiveFault,
  type ArchiveFinding,
  type ArchiveVerdict,
} from './core/archive-check.ts'
export type { BucketState } from './core/buckets.ts'
export type { ConservationLimits, Sums } from './core/conservation.ts'
export type { Range, StoredFact, Unreadable } from './core/fact.ts'
export { unsealed } from './core/hash-chain.ts'
export { parseMoment } from './core/moment.ts'
export type { Offence, Offender, Place } from './core/offence.ts'
export type { RepricedRow } from './core/repricing.ts'
export { Seen } from './core/seen.ts'
export type { IncidentState, StateAt, ThrottleState } from './core/state-at.ts'
export { missingOf, type Step, stepsOf } from './core/trace.ts'
export { timeOfId } from './core/ulid-time.ts'
export type { DroppedPart, ProjectedVerdict, ProjectedView, SettledSum, Verdict } from './core/verdict.ts'
export { type Answer, type Difference, WhatIf, type WhatIfResult, type WhatIfRow } from './core/what-if.ts'
export { archive, type ImportCounts, importMessages } from './log/archive.ts'
export { eventAt, type Found, findEvent, findRequest, type RequestSearch } from './log/find.ts'
export { LogUnreadable, type Reading, readFacts, type Source } from './log/read.ts'
export { reprice } from './log/reprice.ts'
export { type Kept, retention } from './log/retention.ts'
export { stateAt } from './log/state-at.ts'
export { type TimelineRange, timeline, type Whom } from './log/timeline.ts'
export { type VerifyOptions, verify } from './log/verify.ts'
export { whatIf } from './log/what-if.ts'
