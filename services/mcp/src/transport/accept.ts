const JSON_TYPE = 'application/json'
const EVENT_STREAM = 'text/event-stream'
/** Media ranges of one header that are looked at. */
const MAX_RANGES = 32

/**
 * The protocol's library looks for both media types by name. A header that accepts them by a wildcard (`*\/*`,
 * `application/*`), or no header, says the same (RFC 9110 section 12.5.1).
 * @returns the header with the types by name where it accepts what the method answers with, else as it is
 */
export function namedAccept(method: string, accept: string | undefined): string {
  const wanted = method === 'GET' ? [EVENT_STREAM] : [JSON_TYPE, EVENT_STREAM]
  const ranges = (accept ?? '*/*').split(',', MAX_RANGES).map(readRange)
  return wanted.every(type => isAccepted(type, ranges)) ? wanted.join(', ') : (accept ?? '')
}

interface Range {
  readonly type: string
  readonly isRefused: boolean
}

function readRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';')
  const isRefused = parameters.some(parameter => /^q=0(?:\.0{0,3})?$/.test(parameter.trim().toLowerCase()))
  return { type: type.trim().toLowerCase(), isRefused }
}

/** The most specific range that names a type decides. */
function isAccepted(type: string, ranges: readonly Range[]): boolean {
  const [kind] = type.split('/', 1)
  for (const name of [type, `${kind}/*`, '*/*']) {
    const range = ranges.find(candidate => candidate.type === name)
    if (range) return !range.isRefused
  }
  return false
}
