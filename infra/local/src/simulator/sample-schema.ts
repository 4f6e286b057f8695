import { quoteOf, subjectOf } from './answer.ts'
import { fits, isReferenceSchema, type Reference, referencesFor } from './references.ts'
import { isObject, type Json } from './request.ts'

const MAX_DEPTH = 8
const MAX_REFERENCES = 5
/** A member that claims nothing: no model looked at the matter. */
const UNDECIDED = /^(undetermined|undecided|unknown|unclear|none|other)$/i

interface Sampling {
  readonly root: Json
  readonly prompt: string
  readonly quote: string
  readonly references: readonly Reference[]
}

/** A value that conforms to the JSON schema, plainly marked as simulated wherever it is text. */
export function sampleSchema(schema: Json, prompt: string): unknown {
  const references = referencesFor(subjectOf(prompt), prompt)
  const sampling = { root: schema, prompt, quote: quoteOf(prompt), references }
  return sample(schema, 'answer', 0, 0, sampling)
}

/** What `format: "json"` without a schema gives. */
export function sampleJson(prompt: string): Json {
  return { simulated: true, note: 'No model wrote this answer.', quote: quoteOf(prompt) }
}

function sample(schemaOrTrue: unknown, name: string, index: number, depth: number, on: Sampling): unknown {
  const schema = resolved(schemaOrTrue, on.root)
  if ('const' in schema) return schema.const
  if (Array.isArray(schema.enum)) return chosen(schema.enum, name, on)
  const branches = [schema.anyOf, schema.oneOf].find(Array.isArray) as unknown[] | undefined
  if (branches) return sampleUnion(branches, name, index, depth, on)
  const type = typeOf(schema)
  if (type === 'object') return sampleObject(schema, index, depth, on)
  if (type === 'array') return sampleArray(schema, name, depth, on)
  if (type === 'integer' || type === 'number') return sampleNumber(schema, type)
  if (type === 'boolean') return false
  if (type === 'null') return null
  return sampleString(schema, name, on)
}

/** Follows `$ref` inside the document and merges `allOf`; `true` is the schema of anything. */
function resolved(schema: unknown, root: Json): Json {
  if (!isObject(schema)) return {}
  if (typeof schema.$ref === 'string') {
    const path = schema.$ref
      .replace(/^#\/?/, '')
      .split('/')
      .filter(part => part !== '')
    const target = path.reduce<unknown>((at, part) => (isObject(at) ? at[part] : undefined), root)
    return resolved(target, root)
  }
  if (!Array.isArray(schema.allOf)) return schema
  const parts = schema.allOf.map(part => resolved(part, root))
  return {
    ...Object.assign({}, ...parts),
    ...schema,
    properties: Object.assign({}, ...parts.map(part => part.properties), schema.properties),
    required: [schema, ...parts].flatMap(part => (Array.isArray(part.required) ? part.required : [])),
    allOf: undefined,
  }
}

function typeOf(schema: Json): unknown {
  const { type } = schema
  if (Array.isArray(type)) return type.find(t => t !== 'null') ?? 'null'
  if (type !== undefined) return type
  if (schema.properties !== undefined) return 'object'
  return schema.items === undefined ? 'string' : 'array'
}

function sampleUnion(branches: unknown[], name: string, index: number, depth: number, on: Sampling): unknown {
  const literals = branches.map(branch => resolved(branch, on.root))
  if (literals.every(branch => 'const' in branch)) {
    return chosen(
      literals.map(branch => branch.const),
      name,
      on,
    )
  }
  const branch = literals.find(candidate => typeOf(candidate) !== 'null') ?? literals[0]
  return sample(branch, name, index, depth, on)
}

function chosen(values: readonly unknown[], name: string, { prompt }: Sampling): unknown {
  const undecided = values.find(value => typeof value === 'string' && UNDECIDED.test(value))
  const stated = values.find(
    value => typeof value === 'string' && prompt.includes(`"${name}":${JSON.stringify(value)}`),
  )
  return undecided ?? stated ?? values[0]
}

function sampleObject(schema: Json, index: number, depth: number, on: Sampling): Json {
  const references = isReferenceSchema(schema) ? on.references.filter(each => fits(each, schema)) : []
  if (references.length > 0) return { ...references[index % references.length] }
  const required: unknown[] = Array.isArray(schema.required) ? schema.required : []
  const properties = isObject(schema.properties) ? schema.properties : {}
  const found: Json = {}
  for (const [name, property] of Object.entries(properties)) {
    // A schema that holds itself ends here.
    if (depth < MAX_DEPTH || required.includes(name)) found[name] = sample(property, name, 0, depth + 1, on)
  }
  return found
}

function sampleArray(schema: Json, name: string, depth: number, on: Sampling): unknown[] {
  const min = numberOr(schema.minItems, 0)
  const max = numberOr(schema.maxItems, Number.MAX_SAFE_INTEGER)
  const items = resolved(schema.items, on.root)
  const wanted = isReferenceSchema(items)
    ? Math.min(on.references.filter(each => fits(each, items)).length, MAX_REFERENCES)
    : Number(depth < MAX_DEPTH)
  const length = Math.min(max, Math.max(min, wanted))
  return Array.from({ length }, (_, i) => sample(items, name, i, depth + 1, on))
}

function sampleNumber(schema: Json, type: 'integer' | 'number'): number {
  const step = numberOr(schema.multipleOf, type === 'integer' ? 1 : 0)
  const nudge = step || 1e-6
  const min = numberOr(schema.minimum, numberOr(schema.exclusiveMinimum, Number.NaN) + nudge)
  const max = numberOr(schema.maximum, numberOr(schema.exclusiveMaximum, Number.NaN) - nudge)
  const low = Number.isNaN(min) ? Math.min(0, Number.isNaN(max) ? 0 : max) : min
  const middle = Number.isNaN(min) || Number.isNaN(max) ? low : (min + max) / 2
  if (step === 0) return middle
  const rounded = Math.floor(middle / step) * step
  return rounded < low ? rounded + step : rounded
}

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  time: '00:00:00Z',
  email: 'simulated@example.com',
  uri: 'https://example.com/simulated',
  uuid: '00000000-0000-4000-8000-000000000000',
  ipv4: '192.0.2.1',
}

function sampleString(schema: Json, name: string, { quote, prompt }: Sampling): string {
  const format = typeof schema.format === 'string' ? FORMATS[schema.format] : undefined
  if (format !== undefined) return format
  const fitting = typeof schema.pattern === 'string' ? matchIn(prompt, schema.pattern) : undefined
  const label = name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
  const text = fitting ?? `Simulated ${label}: no model wrote this. The prompt is about "${quote}".`
  return text.slice(0, numberOr(schema.maxLength, text.length)).padEnd(numberOr(schema.minLength, 0), '.')
}

/** Text that a pattern asks for is looked up in the prompt: ids are usually there. */
function matchIn(prompt: string, pattern: string): string | undefined {
  try {
    const inner = pattern.replace(/^\^/, '').replace(/\$$/, '')
    return new RegExp(inner, 'u').exec(prompt)?.[0]
  } catch {
    return undefined
  }
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback
}
