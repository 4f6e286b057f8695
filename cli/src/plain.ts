/**
 * Text that came from outside, for a terminal: control, format and direction characters are shown by their number,
 * so that nothing in the log can move the cursor, recolour the screen or hide what follows.
 */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped)
}

/** JSON on one line, with the characters that JSON itself lets through and a terminal obeys. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, character =>
    Array.from({ length: character.length }, (_, i) => unit(character.charCodeAt(i))).join(''),
  )
}

function escaped(character: string): string {
  return character === '\n' ? '\\n' : character === '\t' ? '\\t' : unit(character.codePointAt(0) ?? 0)
}

function unit(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`
}
