import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { sendFault } from '../http/reply.http.ts'
import { type GateParts, requireRole, requireVisitor } from '../sessions/gate.http.ts'
import type { Visitor } from '../sessions/visitor.ts'
import type { LiveHub, Sink } from './hub.ts'

export interface LiveParts extends GateParts {
  readonly hub: LiveHub
  readonly nowMs: () => number
  readonly heartbeatMs: number
  readonly sessionCheckMs: number
}

/**
 * `GET /api/live`: Server-Sent Events for operators. A browser that comes back sends `Last-Event-ID`; a page that had to
 * open a new connection by itself sends the same as `?after=`.
 */
export function openLive(app: FastifyInstance, parts: LiveParts): void {
  const { hub, nowMs } = parts
  app.decorateRequest('visitor', null)
  const heartbeat = setInterval(() => hub.heartbeat(), parts.heartbeatMs)
  app.addHook('preClose', async () => {
    clearInterval(heartbeat)
    hub.close()
  })
  app.get<{ Querystring: { after?: string } }>(
    '/live',
    { onRequest: [requireVisitor(parts), requireRole('operator')] },
    async (request, reply) => {
      const header = request.headers['last-event-id']
      const lastId = (Array.isArray(header) ? header[0] : header) ?? request.query.after
      if (hub.isFull) {
        return sendFault(reply, { code: 'too_many', message: 'Too many pages are open.' })
      }
      for (const [name, value] of Object.entries(reply.headers(EVENT_STREAM).getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      reply.hijack()
      reply.raw.writeHead(200)
      // The answer has begun: what throws from here on ends this page alone.
      const end = (error: unknown): void => {
        request.log.error({ err: error }, 'a live page was ended')
        reply.raw.destroy()
      }
      try {
        const leave = hub.join(sinkOf(reply.raw), lastId, nowMs())
        const token = request.cookies[parts.cookieName]
        const check = async (): Promise<void> => {
          if (!(await isStillOperator(parts, token))) reply.raw.end()
        }
        const stopChecking = every(parts.sessionCheckMs, check, end)
        reply.raw.on('close', () => {
          leave()
          stopChecking()
        })
      } catch (error) {
        end(error)
      }
    },
  )
}

export const EVENT_STREAM = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // Reverse proxies would hold the frames back.
  'x-accel-buffering': 'no',
}

/** A session may end, and a role be taken, while its page is open. While nobody can tell, the page stays. */
export async function isStillOperator({ admit }: GateParts, token: string | undefined): Promise<boolean> {
  let visitor: Visitor | undefined
  try {
    visitor = token === undefined ? undefined : await admit(token)
  } catch {
    return true
  }
  return visitor?.role === 'operator'
}

function sinkOf(response: ServerResponse): Sink {
  return {
    write: bytes => {
      response.write(bytes)
    },
    buffered: () => response.writableLength,
    // Without a proper end: a page that does not read would not read that either.
    close: () => response.destroy(),
  }
}

/** @param onFault hears of what the action throws: it ends what it is done for, and not the process */
export function every(
  ms: number,
  action: () => Promise<void>,
  onFault: (error: unknown) => void,
): () => void {
  const timer = setInterval(() => void action().catch(onFault), ms)
  return () => clearInterval(timer)
}
