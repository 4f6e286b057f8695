import type { FastifyInstance } from 'fastify'

export interface StatusParts {
  /** What stands between the dashboard and readiness, by name. */
  readonly missing: () => Promise<Record<string, string>>
}

/** `/health` says that the process is alive, `/ready` whether it can serve. */
export function answerStatus(app: FastifyInstance, { missing }: StatusParts): void {
  app.get('/health', async () => ({ status: 'alive' }))
  app.get('/ready', async (_request, reply) => {
    const faults = await missing()
    const ready = Object.keys(faults).length === 0
    return reply.code(ready ? 200 : 503).send({ ready, missing: faults })
  })
}
