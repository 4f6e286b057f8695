import type { FastifyInstance } from 'fastify'

/** `/health`: the process is alive. `/ready`: whether it can serve, and what is missing. */
export function statusRoutes(app: FastifyInstance, missing: () => Promise<Record<string, string>>): void {
  app.get('/health', async () => ({ status: 'alive' }))
  app.get('/ready', async (_request, reply) => {
    const failed = await missing()
    const ready = Object.keys(failed).length === 0
    return reply.code(ready ? 200 : 503).send({ ready, missing: failed })
  })
}
