import { readJson } from '@fluxgate/contracts'
import { hasNameTwice } from './json-names.ts'

const MAX_PART_BYTES = 64 * 1024
/** Three parts in base64url, the last of which may be missing: a signed token's form (RFC 7515 section 7.1). */
const FORM = /^[\w-]+\.[\w-]+\.[\w-]*$/

export function isTokenForm(text: string): boolean {
  return FORM.test(text)
}

/**
 * `typ` of a token's header, read before anything is verified: it only says whose rules apply, and each verifier then
 * insists on its own (RFC 8725 section 3.12). Undefined when the token cannot be read as every reader would read it.
 */
export function typeOfToken(token: string): { readonly typ: unknown } | undefined {
  const [header = '', payload = ''] = token.split('.', 2)
  const read = objectOf(header)
  return read && objectOf(payload) ? { typ: read.typ } : undefined
}

function objectOf(part: string): { typ?: unknown } | undefined {
  const bytes = Buffer.from(part, 'base64url')
  const read = readJson(bytes, { maxSize: MAX_PART_BYTES })
  if (!read.ok) return undefined
  const { value } = read
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject && !hasNameTwice(bytes.toString('utf8')) ? value : undefined
}
