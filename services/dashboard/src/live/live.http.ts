import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { beginEventStream, every, sendError } from '../http/index.ts'
import { type Gate, isStillOperator, requireRole, requireVisitor } from '../sessions/index.ts'
import type { LiveHub, Sink } from './hub.ts'

export interface LiveRoutes {
  readonly hub: LiveHub
  readonly nowMs: () => number
  readonly heartbeatMs: number
  readonly sessionCheckMs: number
}

/**
 * `GET /api/live`: Server-Sent Events for operators. A browser that comes back sends `Last-Event-ID`; a page that had to
 * open a new connection by itself sends the same as `?after=`.
 */
export function liveRoutes(app: FastifyInstance, gate: Gate, options: LiveRoutes): void {
  const { hub, nowMs } = options
  const heartbeat = setInterval(() => hub.heartbeat(), options.heartbeatMs)
  app.addHook('preClose', async () => {
    clearInterval(heartbeat)
    hub.close()
  })
  app.get<{ Querystring: { after?: string } }>(
    '/live',
    { onRequest: [requireVisitor(gate), requireRole('operator')] },
    async (request, reply) => {
      const header = request.headers['last-event-id']
      const lastId = (Array.isArray(header) ? header[0] : header) ?? request.query.after
      if (hub.isFull) {
        return sendError(reply, { code: 'too_many', message: 'Too many live connections are open.' })
      }
      beginEventStream(reply)
      // The answer has begun: what throws from here on ends this page alone.
      const end = (error: unknown): void => {
        request.log.error({ err: error }, 'a live page was ended')
        reply.raw.destroy()
      }
      try {
        const leave = hub.join(sinkOf(reply.raw), lastId, nowMs())
        const token = request.cookies[gate.cookieName]
        const check = async (): Promise<void> => {
          if (!(await isStillOperator(gate, token))) reply.raw.end()
        }
        const stopChecking = every(options.sessionCheckMs, check, end)
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
