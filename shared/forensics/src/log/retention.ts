import { STREAMS } from '@fluxgate/contracts'
import type { NatsLink, StreamConfig } from '@fluxgate/nats'
import { LogUnreadable } from './read.ts'

/** What a stream holds, and what it has held and does not any more. */
export interface RetainedRange {
  /** JetStream stream name. */
  readonly stream: string
  readonly firstSequence: number
  readonly lastSequence: number
  /** Dropped from the beginning, by age or by size. */
  readonly dropped: number
  /** When the first message that is left was stored, epoch milliseconds; null in an empty stream. */
  readonly firstStoredAtMs: number | null
  /** False when neither its age nor its size can have reached a limit: what is missing was deleted. */
  readonly mayHaveDropped: boolean
  /** From then on nothing is missing: of an emptied stream, after the last message that it held. */
  readonly wholeFromMs: number
}

/** Of every stream of events, in the order of the contract. @throws LogUnreadable */
export function retention(link: NatsLink, nowMs = Date.now()): Promise<RetainedRange[]> {
  return Promise.all(Object.values(STREAMS).map(stream => retainedBy(link, stream, nowMs)))
}

/** A limit may have been raised since: a stream of a smaller share of it can still have reached the one of before. */
const REACHED_SHARE = 1 / 16
const NANOS_PER_MS = 1e6

async function retainedBy(link: NatsLink, stream: string, nowMs: number): Promise<RetainedRange> {
  try {
    const { config, created, state } = await link.manager.streams.info(stream)
    const isEmpty = state.messages === 0
    const dropped = isEmpty ? state.last_seq : state.first_seq - 1
    const firstMs = isEmpty ? Date.parse(state.last_ts) + 1 : Date.parse(state.first_ts)
    return {
      stream,
      firstSequence: state.first_seq,
      lastSequence: state.last_seq,
      dropped,
      mayHaveDropped: mayHaveDropped(config, Date.parse(String(created)), state, nowMs),
      firstStoredAtMs: isEmpty ? null : firstMs,
      wholeFromMs: dropped > 0 ? firstMs : Number.NEGATIVE_INFINITY,
    }
  } catch (cause) {
    throw new LogUnreadable(stream, cause)
  }
}

function mayHaveDropped(
  config: Pick<StreamConfig, 'max_age' | 'max_bytes' | 'max_msgs'>,
  createdMs: number,
  state: { readonly bytes: number; readonly messages: number },
  nowMs: number,
): boolean {
  const isAged = config.max_age > 0 && nowMs - createdMs >= config.max_age / NANOS_PER_MS
  const isReached = (limit: number, value: number) => limit > 0 && value >= limit * REACHED_SHARE
  return isAged || isReached(config.max_bytes, state.bytes) || isReached(config.max_msgs, state.messages)
}
