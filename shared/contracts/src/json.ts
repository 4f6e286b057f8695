import type { Parsed } from './parse.ts'

/**
 * Objects and arrays inside each other that a document of others may have. RFC 8259 section 9 lets a parser set it. What
 * people send stays below 30; code that walks a document may recurse this deep and no deeper.
 */
export const MAX_JSON_DEPTH = 128

export interface JsonBounds {
  /** Bytes of UTF-8, or UTF-16 code units of a text that is decoded already. */
  readonly maxSize: number
  readonly maxDepth?: number
}

const decoder = new TextDecoder('utf-8', { fatal: true })
const QUOTE = 34
const BACKSLASH = 92
const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

/**
 * The reader of JSON that comes from outside the process: a body, an answer, a stored message, a file. Size and depth are
 * checked before anything is built, so that what it returns can be walked by recursion, or written again, without a
 * stack overflow. It never throws; the reason names no part of the document.
 */
export function readJson(json: Uint8Array | string, bounds: JsonBounds): Parsed<unknown> {
  const { maxSize, maxDepth = MAX_JSON_DEPTH } = bounds
  if (json.length > maxSize) return { ok: false, reason: `larger than ${maxSize} bytes` }
  try {
    const text = typeof json === 'string' ? json : decoder.decode(json)
    if (isDeeperThan(text, maxDepth)) return { ok: false, reason: `nested deeper than ${maxDepth} levels` }
    return { ok: true, value: JSON.parse(text) }
  } catch {
    return { ok: false, reason: 'not JSON' }
  }
}

/** True when objects and arrays open more than `maxDepth` levels. What is not JSON gets some answer, in linear time. */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i = endOfString(text, i)
      if (i === -1) return false
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > maxDepth) return true
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
  }
  return false
}

/** Index of the quote that closes the string opened at `from`, or -1. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    if ((end - before) % 2 === 1) return end
  }
  return -1
}
