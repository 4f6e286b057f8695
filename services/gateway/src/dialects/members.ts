import { readJson } from '@fluxgate/contracts'

/** A member of a JSON object, found in its bytes. */
export interface Member {
  readonly name: string
  /** The bytes of its value: from `start` up to `end`. */
  readonly start: number
  readonly end: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
/** Longer names, with their escapes, are none that anything here looks for. */
const MAX_NAME_BYTES = 256

/**
 * The members of one object whose names some reader may take for one of those given: parsers differ in which of two
 * members of one name they take, and some (Go's) do not tell upper from lower case. Nested objects are skipped.
 *
 * @param bytes what `readJson` has read
 * @param from where the object begins, or white space before it
 * @param folded names as {@link foldName} gives them
 */
export function findMembers(bytes: Buffer, from: number, folded: ReadonlySet<string>): Member[] {
  const found: Member[] = []
  let at = bytes.indexOf(OPEN_BRACE, from) + 1
  for (;;) {
    at = afterSpace(bytes, at)
    if (bytes[at] === COMMA) at = afterSpace(bytes, at + 1)
    if (bytes[at] !== QUOTE) return found
    const nameEnd = afterString(bytes, at)
    const name = nameEnd - at > MAX_NAME_BYTES ? '' : nameOf(bytes, at, nameEnd)
    // Behind the name there is a colon.
    const start = afterSpace(bytes, afterSpace(bytes, nameEnd) + 1)
    const end = afterValue(bytes, start)
    if (folded.has(foldName(name))) found.push({ name, start, end })
    at = end
  }
}

/** As readers that ignore case compare names: `ſ` and the Kelvin sign are letters to them as well. */
export function foldName(name: string): string {
  return name.toLowerCase().toUpperCase()
}

export function foldedNames(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map(foldName))
}

/** Replaces ranges of bytes that are in order and do not overlap. */
export function splice(
  bytes: Buffer,
  edits: ReadonlyArray<{ start: number; end: number; by: string }>,
): Buffer {
  if (edits.length === 0) return bytes
  const parts: Buffer[] = []
  let at = 0
  for (const { start, end, by } of edits) {
    parts.push(bytes.subarray(at, start), Buffer.from(by))
    at = end
  }
  parts.push(bytes.subarray(at))
  return Buffer.concat(parts)
}

function nameOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end)
  if (!text.includes('\\')) return text.slice(1, -1)
  const name = readJson(text, { maxSize: MAX_NAME_BYTES })
  return name.ok ? (name.value as string) : ''
}

function afterValue(bytes: Buffer, start: number): number {
  let depth = 0
  let at = start
  while (at < bytes.length) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      at = afterString(bytes, at)
      continue
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return withoutSpace(bytes, start, at)
      depth--
    } else if (byte === COMMA && depth === 0) return withoutSpace(bytes, start, at)
    at++
  }
  return at
}

function withoutSpace(bytes: Buffer, start: number, end: number): number {
  let last = end
  while (last > start && isSpace(bytes[last - 1]!)) last--
  return last
}

/** Behind the string that begins at `at`. */
function afterString(bytes: Buffer, at: number): number {
  for (let quote = bytes.indexOf(QUOTE, at + 1); quote !== -1; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let slashes = 0
    while (bytes[quote - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote + 1
  }
  return bytes.length
}

function afterSpace(bytes: Buffer, at: number): number {
  let next = at
  while (next < bytes.length && isSpace(bytes[next]!)) next++
  return next
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
