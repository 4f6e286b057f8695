import { once } from 'node:events'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JSONRPCMessage, McpServer, RequestId } from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'

export interface StdioSession extends AsyncDisposable {
  /** Resolves when the client has gone: it asks nothing more, and what it had asked is answered. */
  readonly ended: Promise<void>
}

export interface StdioLimits {
  readonly maxBodyBytes: number
  readonly drainMs: number
}

/** Messages by line on these streams; nothing else may be written to `output`. */
export function openStdio(
  serverFor: () => McpServer,
  input: Readable,
  output: Writable,
  limits: StdioLimits,
): StdioSession {
  // The transport answers nothing after the end of its input: it hears of that when all is answered.
  const heard = new PassThrough()
  input.pipe(heard, { end: false })
  const transport = new StdioServerTransport(heard, output, { maxBufferSize: limits.maxBodyBytes })
  const stop = new AbortController()
  const { signal } = stop
  // A client that reads no more is answered no more.
  const broken = once(output, 'error', { signal })
  const closed = Promise.race([once(input, 'end', { signal }), once(input, 'close', { signal })])
  const server = serveStdio(serverFor, { transport })
  const answered = unanswered(transport)
  const drained = closed.then(() =>
    Promise.race([answered(), sleep(limits.drainMs, undefined, { ref: false })]),
  )
  return {
    ended: Promise.race([drained, broken]).then(
      () => {},
      () => {},
    ),
    async [Symbol.asyncDispose]() {
      stop.abort()
      input.unpipe(heard)
      await server.close()
    },
  }
}

/** Counts requests and answers as they pass; the function resolves when none waits for its answer. */
function unanswered(transport: StdioServerTransport): () => Promise<void> {
  const waiting = new Set<RequestId>()
  let settled = () => {}
  const done = (id: RequestId) => {
    waiting.delete(id)
    if (waiting.size === 0) settled()
  }
  const receive = transport.onmessage
  const send = transport.send.bind(transport)
  transport.onmessage = message => {
    const cancelled = cancelledId(message)
    if ('method' in message && 'id' in message) waiting.add(message.id)
    else if (cancelled !== undefined) done(cancelled)
    receive?.(message)
  }
  transport.send = async message => {
    await send(message)
    if (!('method' in message) && message.id !== undefined) done(message.id)
  }
  return () => {
    if (waiting.size === 0) return Promise.resolve()
    return new Promise(resolve => {
      settled = resolve
    })
  }
}

/** A cancelled request gets no answer. */
function cancelledId(message: JSONRPCMessage): RequestId | undefined {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined
  const { requestId } = (message.params ?? {}) as { requestId?: RequestId }
  return requestId
}
