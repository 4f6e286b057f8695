import { failing, type ReadinessCheck } from '@fluxgate/runtime'
import type { FastifyInstance } from 'fastify'

/** `/health`: the process lives. `/ready`: it can serve, or what stands in the way. */
export function registerStatus(app: FastifyInstance, checks: Readonly<Record<string, ReadinessCheck>>): void {
  app.get('/health', (_request, reply) => reply.send({ status: 'alive' }))
  app.get('/ready', (_request, reply) => {
    const missing = failing(checks)
    const ready = Object.keys(missing).length === 0
    return reply.code(ready ? 200 : 503).send({ ready, missing })
  })
}
