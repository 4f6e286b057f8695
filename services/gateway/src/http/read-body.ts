import type { FastifyInstance } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { done, type Outcome, refused } from './api-error.ts'

const MAX_LISTED = 3

export interface BodyReader<S extends TSchema> {
  (body: unknown): Outcome<Static<S>>
  /** What it reads by. */
  readonly schema: S
}

/** Compiles a schema once into a reader of parsed JSON bodies. What is told of a fault holds no value of the body. */
export function bodyReader<S extends TSchema>(schema: S): BodyReader<S> {
  const validator = Compile(schema)
  const read = (body: unknown): Outcome<Static<S>> => {
    if (validator.Check(body)) return done(body as Static<S>)
    const faults = validator.Errors(body).slice(0, MAX_LISTED)
    const documented = faults.map(
      ({ instancePath, message }) => `${instancePath.slice(1) || 'the body'} ${message}`,
    )
    return refused('invalid_body', `The body cannot be taken: ${documented.join('; ')}.`)
  }
  return Object.assign(read, { schema })
}

/** What was asked to change something is answered when its facts are safe; model calls see to that themselves. */
export function answerAfter(committed: (callback: () => void) => void, app: FastifyInstance): void {
  app.addHook('onSend', (request, _reply, payload, done) => {
    if (request.method === 'GET') done(null, payload)
    else committed(() => done(null, payload))
  })
}
