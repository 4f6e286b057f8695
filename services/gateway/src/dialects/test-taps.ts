import { SharedRoom } from '@fluxgate/contracts'
import type { Counts } from '../usage/reported.ts'
import { mediaTypeOf } from './answer-form.ts'
import { AnswerTap, type AnswerTapOptions } from './answer-tap.ts'
import { anthropic } from './anthropic.ts'
import type { Dialect } from './dialect.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import type { Progress } from './tap.ts'

const PATHS: ReadonlyMap<Dialect, string> = new Map<Dialect, string>([
  [openai, '/v1/chat/completions'],
  [anthropic, '/v1/messages'],
  [ollama, '/api/chat'],
])

/** A tap for the answer to a chat in that dialect. */
export function tapOf(
  dialect: Dialect,
  contentType: string | undefined,
  options: Partial<Omit<AnswerTapOptions, 'dialect' | 'mediaType' | 'collector'>> = {},
): AnswerTap {
  const mediaType = mediaTypeOf(contentType)
  return new AnswerTap({
    dialect,
    path: PATHS.get(dialect)!,
    status: 200,
    mediaType,
    isStreamAsked: mediaType !== 'application/json',
    stripUsage: false,
    collector: dialect.usage(),
    room: new SharedRoom(10_000_000),
    ...options,
  })
}

export interface Passed {
  readonly out: Buffer
  /** After each write, the bytes that had gone in and those that had come out. */
  readonly steps: ReadonlyArray<{ readonly put: number; readonly got: number }>
  readonly usage: Counts | undefined
  readonly pieces: number
  readonly progress: Progress
  readonly error: string | undefined
  readonly isCutOff: boolean
}

export function passed(tap: AnswerTap, chunks: readonly Buffer[]): Passed {
  const out: Buffer[] = []
  const steps: Array<{ put: number; got: number }> = []
  let put = 0
  let got = 0
  for (const chunk of chunks) {
    // A copy, since a socket's buffer may be written over once it was forwarded.
    const forwarded = Buffer.from(tap.write(chunk))
    put += chunk.length
    got += forwarded.length
    out.push(forwarded)
    steps.push({ put, got })
  }
  out.push(Buffer.from(tap.end()))
  const { usage, pieces, progress, error, isCutOff } = tap
  return {
    out: Buffer.concat(out),
    steps,
    usage: usage?.counts,
    pieces,
    progress,
    error: error?.code,
    isCutOff,
  }
}
