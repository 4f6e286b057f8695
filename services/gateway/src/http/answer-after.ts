import type { FastifyInstance } from 'fastify'

/** What was asked to change something is answered when its facts are safe; model calls see to that themselves. */
export function answerAfter(committed: (callback: () => void) => void, app: FastifyInstance): void {
  app.addHook('onSend', (request, _reply, payload, done) => {
    if (request.method === 'GET') done(null, payload)
    else committed(() => done(null, payload))
  })
}
