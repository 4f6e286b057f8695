import type { NatsLink } from '@fluxgate/nats'
import { Fault } from '../core/fault.ts'

export interface AwayWords {
  /** Nothing was asked. */
  readonly away: string
  /** It was asked, and failed or did not answer. */
  readonly failed: string
}

const READING: AwayWords = {
  away:
    'The event log (NATS) is unavailable. Try again in a moment; tools that read projections ' +
    '(get_gateway_metrics, get_security_incidents, top_identities) still work.',
  failed: 'The event log (NATS) did not answer this question. Try again in a moment.',
}

/** Asks the log, and says so plainly when it is away: a request to a lost server would wait for seconds. */
export async function reached<T>(link: NatsLink, ask: () => Promise<T>, words = READING): Promise<T> {
  if (!link.isConnected()) throw new Fault('FLUXGATE_LOG_AWAY', words.away)
  try {
    return await ask()
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('FLUXGATE_LOG_AWAY', words.failed, { cause: error })
  }
}
