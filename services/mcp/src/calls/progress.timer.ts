import type { ServerContext } from '@modelcontextprotocol/server'

/** How far long work is: events read, of about so many. */
export type OnProgress = (done: number, of: number) => void

/** A client is told so often, at the most. */
const EVERY_MS = 250

/** Tells the client that has asked for it how far its call is (MCP, "Progress"): each time more than the time before. */
export function progressOf({ mcpReq }: ServerContext): OnProgress {
  const progressToken = mcpReq._meta?.progressToken
  if (progressToken === undefined) return () => {}
  let toldMs = Number.NEGATIVE_INFINITY
  let told = -1
  return (progress, total) => {
    const now = performance.now()
    if (progress <= told || now - toldMs < EVERY_MS) return
    told = progress
    toldMs = now
    const message = `${progress} of about ${total} events read`
    const params = { progressToken, progress, total, message }
    // A client that has gone is noticed by the call itself.
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {})
  }
}
