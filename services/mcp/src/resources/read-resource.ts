import type { LinkLog } from '@fluxgate/nats'
import { type Backends, ToolError } from '../backends/index.ts'
import { CallBudget, type CallLimits } from '../calls/index.ts'
import type { ReadResource } from './resources.ts'

/** Reads within a budget of the caller's beside that of its tools, and within the same time; what breaks is for the log. */
export function resourceReader(backends: Backends, limits: CallLimits, log: LinkLog): ReadResource {
  const budget = new CallBudget(limits)
  return async ({ name }, cancelled, read) => {
    if (!budget.begin(name, backends.nowMs()).ok) {
      throw new Error('Too many reads. Wait a second, then try again.')
    }
    const late = Promise.withResolvers<never>()
    const signal = AbortSignal.any([cancelled, AbortSignal.timeout(limits.callTimeoutMs)])
    const onAbort = () => late.reject(new Error('This read took too long, or was cancelled.'))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([read(backends), late.promise])
    } catch (error) {
      if (error instanceof ToolError || signal.aborted) throw error
      log.warn({ err: error }, 'resource failed')
      throw new Error('Internal error. See the MCP server log.', { cause: error })
    } finally {
      signal.removeEventListener('abort', onAbort)
      budget.end(name)
    }
  }
}
