export { Bucket, type Change, type Entry, RevisionConflict } from './bucket.ts'
export { type ConsumeOptions, type Consuming, consume, done, later, type Outcome, poison } from './consume.ts'
export { DEAD_LETTER_HEADERS } from './dead-letter.ts'
export {
  type EventBatch,
  type Following,
  type FollowOptions,
  follow,
  type LoggedEvent,
  replay,
} from './follow.ts'
export { acquireLease, Lease, type LeaseOptions } from './lease.ts'
export { connectNats, type LinkLog, type NatsLink, type NatsSettings } from './link.ts'
export { openPenaltyBox, type PenaltyBox } from './penalty-box.ts'
export { EventPublisher, type PublisherLimits, type StoredAt } from './publisher.ts'
export type { Position, ReadOptions } from './read.ts'
export { readEvent } from './read-event.ts'
export {
  DEFAULT_TOPOLOGY,
  ensureTopology,
  LIVE_PREFIX,
  NODE_TTL_MS,
  type TopologyOptions,
  topology,
} from './topology.ts'
export { type Watch, type WatchOptions, watchBucket } from './watch.ts'
