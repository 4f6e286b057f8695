import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import type { EventDefinition } from './envelope.ts'
import type { EventMaker } from './maker.ts'
import { faults } from './parse.ts'

/** Data that the readers of its own event would refuse: what others report was not bounded before it came this far. */
export class InvalidEventError extends Error {
  readonly code = 'FLUXGATE_INVALID_EVENT'

  constructor(definition: EventDefinition, reason: string) {
    super(`data of ${definition.name} version ${definition.version} is invalid: ${reason}`)
    this.name = 'InvalidEventError'
  }
}

const validators = new Map<TSchema, Validator>()

function validatorOf(schema: TSchema): Validator {
  let validator = validators.get(schema)
  if (!validator) {
    validator = Compile(schema) as unknown as Validator
    validators.set(schema, validator)
  }
  return validator
}

/**
 * A maker whose events every reader accepts: the data is checked before the event takes a number of its source.
 * @throws InvalidEventError
 */
export function checkedMaker(make: EventMaker): EventMaker {
  return (definition, data, options) => {
    const validator = validatorOf(definition.data)
    if (!validator.Check(data)) throw new InvalidEventError(definition, faults(validator, data))
    return make(definition, data, options)
  }
}
