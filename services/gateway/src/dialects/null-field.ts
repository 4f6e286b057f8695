const NULL = Buffer.from('null')
const SPACE = 32
const QUOTE = 34
const BACKSLASH = 92
const COLON = 58
const COMMA = 44
const OPEN_BRACE = 123
const CLOSE_BRACE = 125
const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93

/**
 * Where a field of the outermost object stands, with the comma before it, whose value is null.
 *
 * @param at  index of the field's name with its quotes, `nameLength` bytes long
 */
export function nullField(bytes: Buffer, at: number, nameLength: number): [number, number] | undefined {
  const colon = afterSpace(bytes, at + nameLength)
  if (bytes[colon] !== COLON) return undefined
  const value = afterSpace(bytes, colon + 1)
  const end = value + NULL.length
  if (NULL.compare(bytes, value, end) !== 0) return undefined
  let start = at - 1
  while (bytes[start] === SPACE) start--
  return bytes[start] === COMMA && closesDocument(bytes, afterSpace(bytes, end)) ? [start, end] : undefined
}

/** Index of the comma or closing brace behind a value, or -1 when the bytes end before. */
function valueEnd(bytes: Buffer, from: number): number {
  let depth = 0
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) {
      i = stringEnd(bytes, i)
      if (i === -1) return -1
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACE)) return i
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
    if (depth < 0) return -1
  }
  return -1
}

/** True when the object whose field ended at `from` is the last thing in the document. */
function closesDocument(bytes: Buffer, from: number): boolean {
  let i = from
  while (i !== -1 && bytes[i] === COMMA) i = valueEnd(bytes, i + 1)
  return i !== -1 && bytes[i] === CLOSE_BRACE && afterSpace(bytes, i + 1) === bytes.length
}

/** Index of the quote that ends the string beginning at `from`, or -1. */
function stringEnd(bytes: Buffer, from: number): number {
  for (let end = bytes.indexOf(QUOTE, from + 1); end !== -1; end = bytes.indexOf(QUOTE, end + 1)) {
    let escapes = 0
    while (bytes[end - 1 - escapes] === BACKSLASH) escapes++
    if (escapes % 2 === 0) return end
  }
  return -1
}

function afterSpace(bytes: Buffer, from: number): number {
  let i = from
  while (i < bytes.length && (bytes[i] === SPACE || (bytes[i]! >= 9 && bytes[i]! <= 13))) i++
  return i
}
