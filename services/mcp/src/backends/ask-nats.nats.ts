import type { NatsLink } from '@fluxgate/nats'
import { ToolError } from './tool-error.ts'

const UNAVAILABLE =
  'The event log (NATS) is unavailable. Try again in a moment; tools that read projections ' +
  '(get_gateway_metrics, get_security_incidents, top_identities) still work.'
const FAILED = 'The event log (NATS) did not answer this question. Try again in a moment.'

/**
 * Asks the log unless it is disconnected: a request to a lost server would wait for seconds.
 * @throws ToolError
 */
export async function askNats<T>(link: NatsLink, ask: () => Promise<T>): Promise<T> {
  if (!link.isConnected()) throw new ToolError('FLUXGATE_LOG_AWAY', UNAVAILABLE)
  try {
    return await ask()
  } catch (error) {
    if (error instanceof ToolError) throw error
    throw new ToolError('FLUXGATE_LOG_AWAY', FAILED, { cause: error })
  }
}
