import type { FastifyInstance } from 'fastify'
import { sendError } from '../http/index.ts'
import type { SessionView } from './answers.ts'
import { visitorOf } from './gate.http.ts'

export interface SessionRoutes {
  readonly gatewayPublicUrl: string
  /** PEM of the gateway's own certificate authority. */
  readonly gatewayCa: Buffer | undefined
  readonly modelToTry: () => Promise<string>
}

/** `GET /session`: who the visitor is, and how their clients reach the gateway. */
export function sessionRoutes(app: FastifyInstance, options: SessionRoutes): void {
  const { gatewayPublicUrl, gatewayCa, modelToTry } = options
  app.get('/session', async (request): Promise<SessionView> => {
    const { session: _, ...visitor } = visitorOf(request)
    const hasOwnCertificate = gatewayCa !== undefined
    return { ...visitor, gatewayUrl: gatewayPublicUrl, hasOwnCertificate, model: await modelToTry() }
  })
  app.get('/gateway-certificate', async (_request, reply) => {
    if (!gatewayCa) {
      const message = 'The gateway has no certificate authority of its own.'
      return sendError(reply, { code: 'not_found', message })
    }
    reply.header('content-disposition', 'attachment; filename="fluxgate.pem"')
    return reply.type('application/x-pem-file').send(gatewayCa)
  })
}
