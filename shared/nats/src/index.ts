export type { StreamConfig } from 'nats'
export { API_ERROR, isApiError } from './api-error.ts'
export { type AppendOptions, appendEvent, messageHeaders } from './append.ts'
export {
  type Backlog,
  type BacklogPosition,
  type BatchPart,
  type EncodedRecord,
  eventsIn,
  MemoryBacklog,
  type PendingRecord,
  partId,
  payloadBytes,
  pendingRecord,
  type StoredAt,
  writePayload,
} from './backlog.ts'
export { eventsOfMessage, type PublishedMessage } from './batched-event.ts'
export { Bucket, BucketFull, type Change, type Entry, RevisionConflict } from './bucket.ts'
export { type ConsumeOptions, type Consuming, consume, done, later, type Outcome, poison } from './consume.ts'
export { buryEvent, DEAD_LETTER_HEADERS } from './dead-letter.ts'
export { Fifo } from './fifo.ts'
export { findStored, type StoredQuery } from './find-stored.ts'
export {
  type EventBatch,
  type Following,
  type FollowOptions,
  follow,
  replay,
  replayStored,
  replayWhole,
  storedEvent,
} from './follow.ts'
export { buryFailures, type HandlingFailure, handleEach } from './handle-each.ts'
export { connectNats, type LinkLog, type NatsLink, type NatsSettings } from './link.ts'
export { EventPublisher } from './publisher.ts'
export type { PublisherLimits } from './publisher-limits.ts'
export type { StoredMessage } from './pull.ts'
export { type Position, pause, type ReadOptions } from './read.ts'
export { isServerAtLeast, LEAST_SUPPORTED_SERVER } from './server-version.ts'
export { type FoundMessage, lastMessage, messageAt, messageOf } from './stored-message.ts'
export { EndsHistory, parseEndsHistory, readStreamEnds, type StreamEnds } from './stream-ends.ts'
export {
  DEFAULT_TOPOLOGY,
  ensureTopology,
  LIVE_PREFIX,
  NODE_TTL_MS,
  type TopologyOptions,
  topology,
} from './topology.ts'
export { type Watch, type WatchOptions, watchBucket } from './watch.ts'
