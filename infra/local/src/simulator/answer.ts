import { hashText, seededRandom, tokenize } from './tokens.ts'

export interface Answer {
  readonly tokens: readonly string[]
  readonly finish: 'stop' | 'length'
}

const WORDS = (
  'the a each every one stream token event request gateway answer model window bucket message signal server ' +
  'client latency number figure path step order state record value limit moves holds carries reads keeps turns ' +
  'follows reaches counts starts ends waits grows rests slowly quickly often again later before after between ' +
  'beside and then while because so small large steady quiet clear early late new old'
).split(' ')
const SENTENCE_MIN_WORDS = 5
const SENTENCE_EXTRA_WORDS = 9
const QUOTE_WORDS = 8
const QUOTE_CHARS = 120
/** Text between these is what a prompt is about; the last one that is there wins. */
const DELIMITED = [/```[a-z]*\n?([\s\S]+?)```/g, /<([a-z][\w-]*)>([\s\S]+?)<\/\1>/gi, /"""([\s\S]+?)"""/g]

/** What a prompt is about: the last text between delimiters, else all of it. */
export function subjectOf(prompt: string): string {
  let about = prompt
  for (const pattern of DELIMITED) {
    const found = [...prompt.matchAll(pattern)].at(-1)
    if (found) about = found.at(-1) ?? about
  }
  return about
}

/** Words from the prompt, told in an answer so that a reader sees what it was derived from. */
export function quoteOf(prompt: string): string {
  const words = subjectOf(prompt).trim().split(/\s+/)
  return words.slice(0, QUOTE_WORDS).join(' ').replaceAll('"', "'").slice(0, QUOTE_CHARS)
}

/** Prose of exactly `length` tokens, the same for the same prompt and salt. */
export function composeProse(prompt: string, salt: string, length: number): string[] {
  const random = seededRandom(hashText(`${salt}\n${prompt}`))
  const tokens = tokenize(`Simulated answer to "${quoteOf(prompt)}":`)
  while (tokens.length < length) {
    const words = SENTENCE_MIN_WORDS + Math.floor(random() * SENTENCE_EXTRA_WORDS)
    for (let i = 0; i < words; i++) {
      const word = WORDS[Math.floor(random() * WORDS.length)] ?? 'and'
      tokens.push(i === 0 ? ` ${word[0]?.toUpperCase()}${word.slice(1)}` : ` ${word}`)
    }
    tokens.push('.')
  }
  return tokens.slice(0, length)
}

/** Cuts at the limit and at the first stop sequence, as a model server does. */
export function cutAnswer(
  tokens: readonly string[],
  limit: number | undefined,
  stops: readonly string[],
): Answer {
  let retained = tokens
  const text = stops.length === 0 ? '' : tokens.join('')
  const cuts = stops.map(stop => text.indexOf(stop)).filter(at => at >= 0)
  if (cuts.length > 0) retained = tokenize(text.slice(0, Math.min(...cuts)))
  if (limit !== undefined && retained.length > limit)
    return { tokens: retained.slice(0, limit), finish: 'length' }
  return { tokens: retained, finish: 'stop' }
}
