/** One complaint of the schema checker. */
export interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: object
  readonly message: string
}

const MAX_LISTED = 10

/** Complaints in words that name the place as one would write it: `upstreams[1].weight must be at least 1`. */
export function schemaErrors(errors: readonly SchemaError[]): string[] {
  const faults: string[] = []
  for (const error of errors) {
    const words = wordsOf(error)
    for (const fault of words) if (!faults.includes(fault)) faults.push(fault)
  }
  const more = faults.length - MAX_LISTED
  return more > 0 ? [...faults.slice(0, MAX_LISTED), `and ${more} more faults`] : faults
}

/** Parameters of the keywords that are worded here. */
interface Params {
  readonly requiredProperties?: readonly string[]
  readonly additionalProperties?: readonly string[]
  readonly allowedValues?: readonly unknown[]
  readonly limit?: number
  readonly type?: string
}

function wordsOf({ keyword, instancePath, params, message }: SchemaError): string[] {
  const at = pathOf(instancePath)
  const { requiredProperties, additionalProperties, allowedValues, limit, type } = params as Params
  switch (keyword) {
    case 'required':
      return (requiredProperties ?? []).map(name => `${member(at, name)} is missing`)
    case 'additionalProperties':
      return (additionalProperties ?? []).map(name => `${member(at, name)} is not a field that is known here`)
    // Said by "additionalProperties" already.
    case 'boolean':
      return []
    case 'enum':
      return [`${at} must be one of ${(allowedValues ?? []).join(', ')}`]
    case 'type':
      return [`${at} must be ${article(type ?? 'value')}`]
    case 'minimum':
      return [`${at} must be at least ${limit}`]
    case 'maximum':
      return [`${at} must be at most ${limit}`]
    case 'exclusiveMinimum':
      return [`${at} must be more than ${limit}`]
    case 'minLength':
    case 'minItems':
      return [`${at} must not be empty`]
    case 'maxLength':
    case 'maxItems':
      return [`${at} is longer than ${limit}`]
    default:
      return [`${at} ${message}`]
  }
}

/** JSON pointer (RFC 6901) → `a.b[0]["c d"]`. */
function pathOf(pointer: string): string {
  let slot = ''
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    slot = /^\d+$/.test(name) ? `${slot}[${name}]` : member(slot, name)
  }
  return slot === '' ? 'the file' : slot
}

function member(slot: string, name: string): string {
  const at = slot === 'the file' ? '' : slot
  if (!/^[A-Za-z_][\w-]*$/.test(name)) return `${at}[${JSON.stringify(name)}]`
  return at === '' ? name : `${at}.${name}`
}

function article(type: string): string {
  return type === 'integer' ? 'a whole number' : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}
