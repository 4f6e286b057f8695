import type { NatsLink } from '@fluxgate/nats'
import { ToolError } from './tool-error.ts'

export interface UnavailableTexts {
  /** Nothing was asked. */
  readonly away: string
  /** It was asked, and failed or did not answer. */
  readonly failed: string
}

const READ_TEXTS: UnavailableTexts = {
  away:
    'The event log (NATS) is unavailable. Try again in a moment; tools that read projections ' +
    '(get_gateway_metrics, get_security_incidents, top_identities) still work.',
  failed: 'The event log (NATS) did not answer this question. Try again in a moment.',
}

/** Asks the log, and says so plainly when it is away: a request to a lost server would wait for seconds. */
export async function askNats<T>(link: NatsLink, ask: () => Promise<T>, words = READ_TEXTS): Promise<T> {
  if (!link.isConnected()) throw new ToolError('FLUXGATE_LOG_AWAY', words.away)
  try {
    return await ask()
  } catch (error) {
    if (error instanceof ToolError) throw error
    throw new ToolError('FLUXGATE_LOG_AWAY', words.failed, { cause: error })
  }
}
