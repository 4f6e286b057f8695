import type { DialectName } from './upstream-spec.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** A call's body with another name of the model in it, every other byte kept. */
export function withModel(body: Buffer, model: string, dialect: DialectName): Buffer {
  const renamed = spliceText(body, 'model', model)
  // Ollama's older form; `model` wins where both stand.
  return dialect === 'ollama' && renamed === body ? spliceText(body, 'name', model) : renamed
}

/**
 * A JSON object with the value of its top-level member `name` replaced by a string, every other byte kept. Of members
 * that stand there twice all are replaced, because readers differ in which one they take.
 * @param bytes what `JSON.parse` has read as an object
 * @returns the same bytes when there is no such member with a string for its value
 */
export function spliceText(bytes: Buffer, name: string, value: string): Buffer {
  const parts: Buffer[] = []
  let keptTo = 0
  const replacement = Buffer.from(JSON.stringify(value))
  for (const [from, to] of textMembers(bytes, name)) {
    parts.push(bytes.subarray(keptTo, from), replacement)
    keptTo = to
  }
  return keptTo === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(keptTo)])
}

/** Byte ranges of the string values of the members called `name`. */
function textMembers(bytes: Buffer, name: string): Array<[from: number, to: number]> {
  const found: Array<[number, number]> = []
  let depth = 0
  let at = 0
  while (at < bytes.length) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      const end = afterString(bytes, at)
      const colon = depth === 1 ? afterSpace(bytes, end) : end
      // Only a member's name is followed by a colon.
      if (depth === 1 && bytes[colon] === COLON) {
        const valueAt = afterSpace(bytes, colon + 1)
        if (bytes[valueAt] === QUOTE && textOf(bytes, at, end) === name) {
          const valueEnd = afterString(bytes, valueAt)
          found.push([valueAt, valueEnd])
          at = valueEnd
          continue
        }
      }
      at = end
      continue
    }
    if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === 0x5d) depth--
    at++
  }
  return found
}

/** The place behind the string that begins at `at`. */
function afterString(bytes: Buffer, at: number): number {
  let from = at + 1
  for (;;) {
    const quote = bytes.indexOf(QUOTE, from)
    if (quote === -1) return bytes.length
    let slashes = 0
    while (bytes[quote - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote + 1
    from = quote + 1
  }
}

function afterSpace(bytes: Buffer, at: number): number {
  let next = at
  while (bytes[next] === 0x20 || bytes[next] === 0x0a || bytes[next] === 0x0d || bytes[next] === 0x09) next++
  return next
}

function textOf(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString('utf8', from, to)
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1)
}
