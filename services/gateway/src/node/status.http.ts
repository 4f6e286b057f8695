import { failing, type ReadinessCheck } from '@fluxgate/runtime'
import type { FastifyInstance, FastifyReply } from 'fastify'
import Type from 'typebox'
import {
  Alive,
  documented,
  json,
  type Operation,
  type Payload,
  Ready,
  type ReadyAnswer,
} from '../http/index.ts'

const GET = ['GET', 'HEAD']

const state = (summary: string, answers: Record<number, Payload>): Operation => {
  return { summary, tag: 'node', open: true, answers }
}
const ROOT = state('What clients of Ollama ask before they call', {
  200: { content: { 'text/plain': Type.String() } },
})
const HEALTH = state('Whether the process lives', { 200: json(Alive) })
const READY = state('Whether the node can serve, and what prevents it', {
  200: json(Ready, 'It can.'),
  503: json(Ready, 'It cannot, or is stopping.'),
})

type Checks = Readonly<Record<string, ReadinessCheck>>

export function readyAnswer(checks: Checks, warnings: Checks): ReadyAnswer {
  const missing = failing(checks)
  const wrong = failing(warnings)
  const answer = { ready: Object.keys(missing).length === 0, missing }
  return Object.keys(wrong).length > 0 ? { ...answer, warnings: wrong } : answer
}

/**
 * `/`: what clients of Ollama ask before they call. `/health`: the process lives, a stopping one too.
 * `/ready`: it can serve, or what stands in the way; and what is wrong but does not keep it from serving.
 */
export function registerStatus(app: FastifyInstance, readiness: () => ReadyAnswer): void {
  const route = (url: string, operation: Operation, handler: (reply: FastifyReply) => unknown) =>
    app.route({
      ...documented(operation),
      method: GET,
      url,
      handler: (_request, reply) => handler(reply.header('cache-control', 'no-store')),
    })
  route('/', ROOT, reply => reply.type('text/plain; charset=utf-8').send('Fluxgate is running'))
  route('/health', HEALTH, reply => reply.send({ status: 'alive' }))
  route('/ready', READY, reply => {
    const answer = readiness()
    return reply.code(answer.ready ? 200 : 503).send(answer)
  })
}
