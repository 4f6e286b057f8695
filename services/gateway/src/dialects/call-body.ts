import { type JsonObject, MAX_JSON_DEPTH, readJson } from '@fluxgate/contracts'
import type { BodyRules } from './body-rules.ts'
import { findMembers, foldName, type Member } from './members.ts'
import { stateMessage, stateWithin } from './stored-state.ts'

export interface BadBody {
  readonly ok: false
  readonly code: string
  readonly message: string
}

export interface CallBody {
  readonly ok: true
  readonly value: JsonObject
  /** Where the members are whose names this gateway reads. */
  readonly members: readonly Member[]
}

const STATEFUL = 'unsupported_parameter'
const NOT_JSON = 'We could not parse the JSON body of your request.'

/** Bounded in depth; its size was bounded when it was received. */
export function parseObject(body: Buffer): BadBody | { readonly ok: true; readonly value: JsonObject } {
  const read = readJson(body, { maxSize: Number.POSITIVE_INFINITY })
  if (!read.ok) return bad('invalid_json', read.reason === 'not JSON' ? NOT_JSON : tooDeep())
  const { value } = read
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return bad('invalid_json', 'The body of your request must be a JSON object.')
  }
  return { ok: true, value: value as JsonObject }
}

/**
 * The body of a call. Refused is what this gateway and the model server could read differently: a deciding member that is
 * there twice, or in another case, a `stream` that is neither a boolean nor null, and what names the state of the vendor's
 * account.
 */
export function readCallBody(bytes: Buffer, { folded, fields, within }: BodyRules): BadBody | CallBody {
  const parsed = parseObject(bytes)
  if (!parsed.ok) return parsed
  const members = findMembers(bytes, 0, folded)
  const seen = new Set<string>()
  for (const { name } of members) {
    if (name !== unfolded(name))
      return bad(
        'ambiguous_field',
        `${JSON.stringify(name)} is not a field; ${JSON.stringify(unfolded(name))} is.`,
      )
    if (seen.has(name))
      return bad('ambiguous_field', `The field ${JSON.stringify(name)} is given more than once.`)
    seen.add(name)
    const value = parsed.value[name] ?? null
    const field = fields.get(name)
    if (value !== null && field?.isState(value, parsed.value)) return bad(STATEFUL, stateMessage(field))
  }
  const stored = stateWithin(parsed.value, within)
  if (stored !== undefined) return bad(STATEFUL, stored)
  const { stream } = parsed.value
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
    return bad('invalid_stream', 'The field "stream" must be true, false or null.')
  return { ok: true, value: parsed.value, members }
}

/** The name that a reader who ignores case takes it for. */
function unfolded(name: string): string {
  return foldName(name).toLowerCase()
}

function tooDeep(): string {
  return `The JSON body of your request is nested deeper than ${MAX_JSON_DEPTH} levels.`
}

function bad(code: string, message: string): BadBody {
  return { ok: false, code, message }
}

export function textField(body: JsonObject, name: string): string | undefined {
  const value = body[name]
  return typeof value === 'string' ? value : undefined
}

/** The largest of the named whole-number fields. */
export function largest(body: JsonObject, names: readonly string[]): number | undefined {
  let found: number | undefined
  for (const name of names) {
    const value = body[name]
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0)
      found = Math.max(found ?? 0, Math.floor(value))
  }
  return found
}
