/** One complaint of the schema checker. */
export interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: object
  readonly message: string
}

const FAULTS_LISTED = 10

/** Complaints in words that name the place as one would write it: `upstreams[1].weight must be at least 1`. */
export function schemaFaults(errors: readonly SchemaError[]): string[] {
  const faults: string[] = []
  for (const error of errors) {
    const words = wordsOf(error)
    for (const fault of words) if (!faults.includes(fault)) faults.push(fault)
  }
  const more = faults.length - FAULTS_LISTED
  return more > 0 ? [...faults.slice(0, FAULTS_LISTED), `and ${more} more faults`] : faults
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
  const at = placeOf(instancePath)
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
function placeOf(pointer: string): string {
  let place = ''
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    place = /^\d+$/.test(name) ? `${place}[${name}]` : member(place, name)
  }
  return place === '' ? 'the file' : place
}

function member(place: string, name: string): string {
  const at = place === 'the file' ? '' : place
  if (!/^[A-Za-z_][\w-]*$/.test(name)) return `${at}[${JSON.stringify(name)}]`
  return at === '' ? name : `${at}.${name}`
}

function article(type: string): string {
  return type === 'integer' ? 'a whole number' : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}
