import { boundConnections } from '@fluxgate/runtime'
import Fastify, { type FastifyInstance } from 'fastify'
import { type EdgeLimits, STRICT_SCHEMAS } from '../edge/index.ts'
import { answerAfter } from '../http/index.ts'
import { type AdminDeps, registerAdmin } from './routes.http.ts'

const MAX_BODY_BYTES = 64 * 1024
const CHECK_EVERY_MS = 1_000
/** Operators' tools, the dashboard and a scraper. */
const MAX_CONNECTIONS = 512

/** The admin face on a server of its own. @param committed calls back when all facts are safe */
export async function createAdmin(
  deps: AdminDeps,
  committed: (callback: () => void) => void,
  limits: Pick<EdgeLimits, 'requestTimeoutMs'>,
): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    ajv: STRICT_SCHEMAS,
    forceCloseConnections: true,
    requestTimeout: limits.requestTimeoutMs,
    // Node ends no slow request while heads have longer than requests.
    http: { headersTimeout: limits.requestTimeoutMs, connectionsCheckingInterval: CHECK_EVERY_MS },
  })
  boundConnections(app.server, MAX_CONNECTIONS)
  answerAfter(committed, app)
  await registerAdmin(app, deps)
  return app
}
