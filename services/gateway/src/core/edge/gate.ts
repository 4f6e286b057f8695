import type { Refusal } from '../refusal.ts'

interface Methods {
  readonly set: ReadonlySet<string>
  /** The value of `Allow` (RFC 9110 section 10.2.1). */
  readonly allow: string
}

const methods = (...names: string[]): Methods => ({ set: new Set(names), allow: names.join(', ') })
const READ = methods('GET', 'HEAD', 'OPTIONS')
const POST = methods('POST', 'OPTIONS')
const BOTH = methods('GET', 'HEAD', 'POST', 'OPTIONS')
const ANY = methods('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')

/** Paths whose methods their APIs fix; whatever else is below `/v1/` goes through by its own method. */
const BY_PATH: ReadonlyMap<string, Methods> = new Map([
  ['/v1/chat/completions', BOTH],
  ['/v1/completions', POST],
  ['/v1/embeddings', POST],
  ['/v1/responses', POST],
  ['/v1/messages', POST],
  ['/v1/messages/count_tokens', POST],
  ['/v1/models', READ],
  ['/api/chat', POST],
  ['/api/generate', POST],
  ['/api/embed', POST],
  ['/api/embeddings', POST],
  ['/api/show', POST],
  ['/api/tags', READ],
  ['/api/ps', READ],
  ['/api/version', READ],
])

/** Path and method of every call that is known by name. */
export function knownCalls(): string[] {
  return [...BY_PATH].flatMap(([path, { set }]) => [...set].map(method => `${method} ${path}`))
}

export function allowedMethods(path: string): string {
  return (BY_PATH.get(path) ?? ANY).allow
}

const ENCODED: Refusal = Object.freeze({
  reason: 'unsupported',
  code: 'unsupported_content_encoding',
  message: 'The body must not be compressed: send it without Content-Encoding.',
  headers: Object.freeze({ 'accept-encoding': 'identity' }),
})

const OVERLOADED: Refusal = Object.freeze({
  reason: 'overloaded',
  code: 'overloaded',
  message: 'This gateway node has more to do than it can. Please try again.',
  retryAfterMs: 2_000,
})

/** Why a call is turned away before a byte of its body is read, or undefined. */
export function gateRefusal(
  method: string,
  path: string,
  contentEncoding: string | undefined,
  overloaded: boolean,
): Refusal | undefined {
  if (overloaded) return OVERLOADED
  const known = BY_PATH.get(path)
  if (known !== undefined && !known.set.has(method)) {
    return {
      reason: 'method_not_allowed',
      code: 'method_not_allowed',
      message: `${method} is not allowed for ${path}: use ${known.allow}.`,
      headers: { allow: known.allow },
    }
  }
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity') return ENCODED
  return undefined
}
