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
