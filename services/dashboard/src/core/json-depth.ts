const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether JSON text nests deeper than that, by its brackets outside strings. Text that is no JSON gets any answer. */
export function isDeeperThan(maxDepth: number, json: string): boolean {
  let depth = 0
  let quoted = false
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === QUOTE) quoted = !quoted
    else if (quoted) {
      if (code === BACKSLASH) at++
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > maxDepth) return true
    } else if (code === 0x5d || code === 0x7d) depth--
  }
  return false
}
