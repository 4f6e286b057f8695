import { STREAMS } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import { LogUnreadable } from './read.ts'

/** What a stream holds, and what it has held and does not any more. */
export interface Kept {
  /** JetStream stream name. */
  readonly stream: string
  readonly firstSequence: number
  readonly lastSequence: number
  /** Dropped from the beginning, by age or by size. */
  readonly dropped: number
  /** When the first message that is left was stored, epoch milliseconds; null in an empty stream. */
  readonly firstStoredAtMs: number | null
  /** From then on nothing is missing: of an emptied stream, after the last message that it held. */
  readonly wholeFromMs: number
}

/** Of every stream of events, in the order of the contract. @throws LogUnreadable */
export function retention(link: NatsLink): Promise<Kept[]> {
  return Promise.all(Object.values(STREAMS).map(stream => keptBy(link, stream)))
}

async function keptBy(link: NatsLink, stream: string): Promise<Kept> {
  try {
    const { state } = await link.manager.streams.info(stream)
    const isEmpty = state.messages === 0
    const dropped = isEmpty ? state.last_seq : state.first_seq - 1
    const firstMs = isEmpty ? Date.parse(state.last_ts) + 1 : Date.parse(state.first_ts)
    return {
      stream,
      firstSequence: state.first_seq,
      lastSequence: state.last_seq,
      dropped,
      firstStoredAtMs: isEmpty ? null : firstMs,
      wholeFromMs: dropped > 0 ? firstMs : Number.NEGATIVE_INFINITY,
    }
  } catch (cause) {
    throw new LogUnreadable(stream, cause)
  }
}
