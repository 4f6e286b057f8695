/** Reading JSON bodies that came from outside. */
export type JsonObject = Readonly<Record<string, unknown>>

export function parseObject(body: Buffer): { ok: true; value: JsonObject } | { ok: false; message: string } {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    return { ok: false, message: 'We could not parse the JSON body of your request.' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, message: 'The body of your request must be a JSON object.' }
  }
  return { ok: true, value: value as JsonObject }
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

/** An image costs about as much as this many characters of text, whatever its bytes. */
const IMAGE_CHARS = 4_000
const MAX_DEPTH = 12

/**
 * Characters of text below the given fields: strings at any depth, with inline images counted at a flat rate.
 * The estimate made from it (a quarter of the characters) errs high for code and low for CJK text.
 */
export function promptChars(body: JsonObject, fields: readonly string[]): number {
  let chars = 0
  for (const field of fields) chars += charsOf(body[field], MAX_DEPTH)
  return chars
}

function charsOf(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.startsWith('data:') ? IMAGE_CHARS : value.length
  if (typeof value !== 'object' || value === null || depth === 0) return 0
  let chars = 0
  if (Array.isArray(value)) for (const item of value) chars += charsOf(item, depth - 1)
  else for (const key in value) chars += charsOf((value as JsonObject)[key], depth - 1)
  return chars
}
