import { styleText } from 'node:util'

export type Mood = 'good' | 'bad' | 'calm'

/** Colours, or none. */
export interface Paint {
  dim(text: string): string
  strong(text: string): string
  mood(mood: Mood, text: string): string
}

const MOODS = { good: 'green', bad: 'red', calm: 'cyan' } as const

export function paintOf(colours: boolean): Paint {
  if (!colours) return { dim: text => text, strong: text => text, mood: (_, text) => text }
  // Whether there are colours has been decided: the stream is not asked again.
  const style = (format: 'dim' | 'bold' | 'green' | 'red' | 'cyan', text: string) =>
    styleText(format, text, { validateStream: false })
  return {
    dim: text => style('dim', text),
    strong: text => style('bold', text),
    mood: (mood, text) => style(MOODS[mood], text),
  }
}
