import { readJson } from '@fluxgate/contracts'
/**
 * Whether an object in valid JSON text has a name twice at its top level. Such a text means one thing to one reader and
 * another to the next: claims must be unique (RFC 7519 section 4), and so must header parameters (RFC 7515 section 4).
 */
export function hasNameTwice(json: string): boolean {
  const names = new Set<unknown>()
  let depth = 0
  let isName = false
  for (let at = 0; at < json.length; at++) {
    const char = json[at]
    if (char === '"') {
      const end = endOfString(json, at)
      if (depth === 1 && isName) {
        const text = json.slice(at, end + 1)
        const read = readJson(text, { maxSize: text.length })
        const name = read.ok ? read.value : text
        if (names.has(name)) return true
        names.add(name)
        isName = false
      }
      at = end
    } else if (char === '{' || char === '[') {
      depth++
      if (depth === 1) isName = char === '{'
    } else if (char === '}' || char === ']') depth--
    else if (char === ',' && depth === 1) isName = true
  }
  return false
}

/** The place of the closing quote of the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at
}
