const MAX_CHARS = 4_000
/** Columns that stand in an index: Postgres takes no index entry above some 2,700 bytes. */
const MAX_INDEXED_CHARS = 256
// biome-ignore lint/suspicious/noControlCharactersInRegex: the one character that Postgres' text cannot hold
const NUL = /\u0000/g

/** Text as Postgres can store it: no NUL, no half of a surrogate pair, bounded. */
export function cleanText(text: string, maxChars = MAX_CHARS): string {
  const bounded = text.length > maxChars ? text.slice(0, maxChars) : text
  const whole = bounded.isWellFormed() ? bounded : bounded.toWellFormed()
  return whole.includes('\0') ? whole.replace(NUL, '\ufffd') : whole
}

export function cleanName(text: string): string {
  return cleanText(text, MAX_INDEXED_CHARS)
}

/** JSON text as `jsonb` can store it. */
export function cleanJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'string') return cleanText(part)
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [cleanName(name), inner]))
  })
}
