const MAX_INLINE_CHARS = 120
/** Control, format, private and unassigned characters, halves of pairs, line and paragraph separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\s]+/gu

/** Text on one line without anything invisible or anything that turns the direction of reading, cut to `maxChars`. */
export function visible(text: string, maxChars: number): string {
  const seen = text.replace(UNSEEN, ' ').trim()
  if (seen.length <= maxChars) return seen
  // The cut may fall between the halves of a character.
  return `${seen.slice(0, maxChars - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

/**
 * Text that a client chose (a model's name, a user agent), made harmless to read: nothing invisible, no line ends and
 * none of the marks that delimit data in a prompt, cut short, quoted.
 */
export function inline(text: string): string {
  return JSON.stringify(visible(text.normalize('NFKC').replace(/[<>`]/g, ''), MAX_INLINE_CHARS))
}
