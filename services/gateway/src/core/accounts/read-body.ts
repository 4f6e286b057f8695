import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { done, type Outcome, refused } from './fault.ts'

const FAULTS_LISTED = 3

/** Compiles a schema once into a reader of parsed JSON bodies. What is told of a fault holds no value of the body. */
export function bodyReader<S extends TSchema>(schema: S): (body: unknown) => Outcome<Static<S>> {
  const validator = Compile(schema)
  return body => {
    if (validator.Check(body)) return done(body as Static<S>)
    const faults = validator.Errors(body).slice(0, FAULTS_LISTED)
    const told = faults.map(
      ({ instancePath, message }) => `${instancePath.slice(1) || 'the body'} ${message}`,
    )
    return refused('invalid_body', `The body cannot be taken: ${told.join('; ')}.`)
  }
}
