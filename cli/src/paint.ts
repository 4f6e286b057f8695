import { styleText } from 'node:util'

export type Tone = 'good' | 'bad' | 'calm'

/** Colours, or none. */
export interface Paint {
  dim(text: string): string
  strong(text: string): string
  tone(tone: Tone, text: string): string
}

const MOODS = { good: 'green', bad: 'red', calm: 'cyan' } as const

export function paintOf(colours: boolean): Paint {
  if (!colours) return { dim: text => text, strong: text => text, tone: (_, text) => text }
  // Whether there are colours has been decided: the stream is not asked again.
  const style = (format: 'dim' | 'bold' | 'green' | 'red' | 'cyan', text: string) =>
    styleText(format, text, { validateStream: false })
  return {
    dim: text => style('dim', text),
    strong: text => style('bold', text),
    tone: (tone, text) => style(MOODS[tone], text),
  }
}

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
