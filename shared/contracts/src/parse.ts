import Type from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { EVENTS, type FluxgateEvent } from './catalog.ts'
import { type EventDefinition, envelopeAttributes } from './envelope.ts'
import { readJson } from './json.ts'
import { upcast } from './upcast.ts'

export type Parsed<T> = { ok: true; value: T } | { ok: false; reason: string }

interface Check {
  readonly definition: EventDefinition
  readonly validator: Validator
}

const checks: ReadonlyMap<string, Check> = new Map(
  EVENTS.map(definition => [
    definition.type,
    {
      definition,
      validator: Compile(
        Type.Object({
          ...envelopeAttributes,
          type: Type.Literal(definition.type),
          dataschema: Type.Literal(definition.dataschema),
          data: definition.data,
        }),
      ),
    },
  ]),
)

const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Bytes of one stored message → event. The one place where events are validated; older versions are upcast first.
 * Unknown CloudEvents extension attributes are kept and ignored, as CloudEvents 1.0 section 3.3 asks.
 */
export function parseEvent(bytes: Uint8Array): Parsed<FluxgateEvent> {
  let raw: unknown
  try {
    raw = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    return { ok: false, reason: `not JSON: ${(cause as Error).message}` }
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return { ok: false, reason: 'not a JSON object' }
  }
  return checkEvent(raw as Record<string, unknown>)
}

/** As {@link parseEvent}, for an object that was made of JSON. */
export function checkEvent(raw: Record<string, unknown>): Parsed<FluxgateEvent> {
  const { type } = raw
  const check = typeof type === 'string' ? checks.get(type) : undefined
  if (!check) return { ok: false, reason: `unknown event type ${namedType(type)}` }
  const current = upcast(raw, check.definition)
  if (!current.ok) return current
  if (!check.validator.Check(current.value)) {
    return { ok: false, reason: faults(check.validator, current.value) }
  }
  const nested = nestedExtension(current.value)
  if (nested !== undefined) return { ok: false, reason: `/${nested.slice(0, 100)} is no simple value` }
  return { ok: true, value: current.value as unknown as FluxgateEvent }
}

function namedType(type: unknown): string {
  return typeof type === 'string' ? JSON.stringify(type.slice(0, 100)) : `of type ${typeof type}`
}

/**
 * An attribute other than `data` that is no simple value: CloudEvents 1.0 section 3.1 has none. With that, and closed
 * schemas of `data`, no event is nested deeper than its schema, so that it can be walked and written again.
 */
function nestedExtension(event: object): string | undefined {
  for (const name in event) {
    const value = (event as Record<string, unknown>)[name]
    if (name !== 'data' && typeof value === 'object' && value !== null) return name
  }
  return undefined
}

/** The largest value of a KV bucket, or message, that is read. */
const MAX_VALUE_BYTES = 16 * 1024 * 1024

/** Compiles a schema once into a parser of JSON bytes: the form in which KV values and commands are read. */
export function jsonParser<S extends Type.TSchema>(schema: S): (bytes: Uint8Array) => Parsed<Type.Static<S>> {
  const validate = validatorOf(schema)
  return bytes => {
    const read = readJson(bytes, { maxSize: MAX_VALUE_BYTES })
    return read.ok ? validate(read.value) : read
  }
}

/** As {@link jsonParser}, for a value that {@link readJson} or a router has parsed already. */
export function validatorOf<S extends Type.TSchema>(schema: S): (value: unknown) => Parsed<Type.Static<S>> {
  const validator = Compile(schema)
  return value =>
    validator.Check(value)
      ? { ok: true, value: value as Type.Static<S> }
      : { ok: false, reason: faults(validator as unknown as Validator, value) }
}

const FAULTS_LISTED = 5

/** What is wrong with a value, in words; no more than a few of its faults. */
export function faults(validator: Validator, value: unknown): string {
  return validator
    .Errors(value)
    .slice(0, FAULTS_LISTED)
    .map(e => `${e.instancePath || '/'} ${e.message}`)
    .join('; ')
}
