import { STREAMS } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'

/** The TOKENS stream as it stands: what a checkpoint has to fit to. */
export interface LogState {
  readonly created: string
  readonly firstSequence: number
  readonly firstMs: number
  readonly lastSequence: number
  readonly lastMs: number
}

export async function readLogState(link: NatsLink): Promise<LogState> {
  const { created, state } = await link.manager.streams.info(STREAMS.tokens)
  const { first_seq: firstSequence, first_ts, last_seq: lastSequence, last_ts } = state
  return {
    created: String(created),
    firstSequence,
    firstMs: epochMs(first_ts),
    lastSequence,
    lastMs: epochMs(last_ts),
  }
}

/** An empty stream has the year 1. */
function epochMs(time: Date | string): number {
  return Math.max(0, new Date(time).getTime())
}
