import type { BatchOptions } from './batch-builder.ts'
import { DEDUPE_WINDOW_MS } from './topology.ts'

export interface PublisherLimits {
  /** Events sent and not yet acknowledged. */
  readonly maxOutstanding: number
  /** Events held in all; beyond it {@link EventPublisher.full} asks callers to take no new work. A spool has its own limit. */
  readonly maxBuffered: number
  /** After this long without an acknowledgement an event is sent again under the same id; then it waits twice as long. */
  readonly ackTimeoutMs: number
  /** The longest such wait: a server that hangs is not flooded with copies. */
  readonly maxRetryMs: number
  /** An event whose first copy is older is looked up before it is sent again: its stream may not know the copy. */
  readonly lookUpAfterMs: number
  /**
   * An acknowledged event is kept this long, and sent again when the server was away meanwhile: nats-server 2.9 writes
   * up to 8 ms after its acknowledgement, and servers that lose power keep what is older than their `sync_interval`.
   */
  readonly retainAfterAckMs: number
  /** Events that come within this time leave by one write; 0: those of one turn of the event loop. */
  readonly gatherMs: number
  /** How often the ends of the streams are asked for while events are sent: a look-up begins there. Infinite: never. */
  readonly askEndsEveryMs: number
  /** Events of REQUESTS and TOKENS leave in batches; absent: each is a message of its own. */
  readonly batches?: BatchOptions
}

export const DEFAULT_PUBLISHER_LIMITS: PublisherLimits = Object.freeze({
  maxOutstanding: 4_096,
  maxBuffered: 65_536,
  ackTimeoutMs: 500,
  maxRetryMs: 4_000,
  lookUpAfterMs: DEDUPE_WINDOW_MS / 2,
  retainAfterAckMs: 2_000,
  gatherMs: 0,
  askEndsEveryMs: 10_000,
})
