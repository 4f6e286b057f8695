import { failing, type ReadinessCheck } from '@fluxgate/runtime'
import type { FastifyInstance, FastifyReply } from 'fastify'

const GET = ['GET', 'HEAD']

/**
 * `/`: what clients of Ollama ask before they call. `/health`: the process lives, a stopping one too.
 * `/ready`: it can serve, or what stands in the way; and what is wrong but does not keep it from serving.
 */
export function registerStatus(
  app: FastifyInstance,
  checks: Readonly<Record<string, ReadinessCheck>>,
  warnings: Readonly<Record<string, ReadinessCheck>> = {},
): void {
  const route = (url: string, handler: (reply: FastifyReply) => unknown) =>
    app.route({
      method: GET,
      url,
      handler: (_request, reply) => handler(reply.header('cache-control', 'no-store')),
    })
  route('/', reply => reply.type('text/plain; charset=utf-8').send('Fluxgate is running'))
  route('/health', reply => reply.send({ status: 'alive' }))
  route('/ready', reply => {
    const missing = failing(checks)
    const ready = Object.keys(missing).length === 0
    const wrong = failing(warnings)
    const warned = Object.keys(wrong).length > 0 ? { warnings: wrong } : {}
    return reply.code(ready ? 200 : 503).send({ ready, missing, ...warned })
  })
}
