import { existsSync, readFileSync } from 'node:fs'
import type { Usage } from '@fluxgate/contracts'
import { parse } from 'yaml'

/** Recorded answers of vendors beside the repository, which has no copy of them. */
const FIXTURES = new URL('../../../../../../shared/fixtures/', import.meta.url)
const EXPECTED = new URL('expected.jsonl', import.meta.url)

/**
 * What an answer must be settled at, made by hand from the vendor's usage object and its documented rule. `reported` is
 * false where the recording has no figures.
 */
export interface Expected extends Partial<Usage> {
  /** Its file, and `#n` where that holds several answers one after another. */
  readonly answer: string
  readonly model?: string
  /** Model → input and output, where several models billed the answer. */
  readonly models?: Readonly<Record<string, readonly [number, number]>>
  readonly reported?: false
  /** Of an error's body; 200 where it is absent. */
  readonly status?: number
}

export interface RecordedAnswer {
  readonly name: string
  readonly path: string
  readonly contentType: string
  readonly isStream: boolean
  readonly bytes: Buffer
  readonly expected: Expected
}

/** Undefined where the recordings are not there. */
export function recordedAnswers(): RecordedAnswer[] | undefined {
  if (!existsSync(FIXTURES)) return undefined
  const table = readFileSync(EXPECTED, 'utf8').trim().split('\n')
  return table.flatMap(line => {
    const expected = JSON.parse(line) as Expected
    const { answer: name } = expected
    const [file = '', part] = name.split('#')
    if (!existsSync(new URL(file, FIXTURES))) return []
    const text = readFileSync(new URL(file, FIXTURES), 'utf8')
    const path = pathOf(file, text)
    const body = file.endsWith('.yaml')
      ? cassetteBody(text)
      : file.endsWith('.txt')
        ? framed(answersIn(text)[part === undefined ? 0 : Number(part) - 1]!, path)
        : text
    const isStream = body.startsWith('data:') || body.startsWith('event:')
    const contentType = isStream ? 'text/event-stream' : 'application/json'
    return [{ name, path, contentType, isStream, bytes: Buffer.from(body), expected }]
  })
}

function pathOf(file: string, text: string): string {
  if (file.includes('rerank')) return '/v1/rerank'
  if (file.includes('embedding')) return '/v1/embeddings'
  if (file.includes('completion-')) return '/v1/completions'
  if (file.startsWith('providers/anthropic/')) return '/v1/messages'
  if (file.includes('/responses/') || text.includes('"object":"response"')) return '/v1/responses'
  return /"object": ?"response"/.test(text) ? '/v1/responses' : '/v1/chat/completions'
}

const TERMINAL = new Set(['response.completed', 'response.failed', 'response.incomplete', 'message_stop'])

/** The events of each answer in a recording of JSON lines. */
function answersIn(text: string): string[][] {
  const answers: string[][] = [[]]
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    answers.at(-1)!.push(line)
    if (TERMINAL.has(typeOf(line) ?? '')) answers.push([])
  }
  return answers.filter(events => events.length > 0)
}

/** As the API frames them: named events, or `[DONE]` behind the last one of a chat. */
function framed(events: readonly string[], path: string): string {
  const named = path === '/v1/messages' || path === '/v1/responses'
  const frames = events.map(event =>
    named ? `event: ${typeOf(event)}\ndata: ${event}\n\n` : `data: ${event}\n\n`,
  )
  return named ? frames.join('') : `${frames.join('')}data: [DONE]\n\n`
}

function typeOf(line: string): string | undefined {
  return (JSON.parse(line) as { type?: string }).type
}

function cassetteBody(text: string): string {
  const { interactions } = parse(text) as { interactions: Array<{ response: { body: string } }> }
  return interactions[0]!.response.body
}
