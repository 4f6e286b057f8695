const MAX_CHARS = 120

/**
 * Text that a client chose (a model's name, a user agent), made harmless to read: control and direction characters
 * out, line ends and the marks that delimit data in a prompt too, cut short, quoted.
 */
export function inline(text: string): string {
  const clean = text
    .normalize('NFKC')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]+/gu, ' ')
    .replace(/[<>`]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  return JSON.stringify(clean.length > MAX_CHARS ? `${clean.slice(0, MAX_CHARS)}…` : clean)
}
