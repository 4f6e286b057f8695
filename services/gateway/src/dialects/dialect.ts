import type { Vendor } from '../usage/index.ts'
import type { AnswerSigns } from './answer-signs.ts'
import type { BadBody } from './call-body.ts'
import type { UsageCollector } from './collector.ts'
import type { PromptSize } from './prompt-size.ts'
import type { AnswerForm } from './tap.ts'

/** What admission needs to know of a request body. */
export interface CallFacts {
  readonly model: string
  readonly stream: boolean
  readonly prompt: PromptSize
  /** Answers that it asks for, each of which may be as long as `maxTokens`; 0 where nothing is generated. */
  readonly answers: number
  /** The caller's limit for the answer, in tokens. */
  readonly maxTokens: number | undefined
}

export interface ReadCall {
  readonly facts: CallFacts
  /** The body to send upstream: the client's own bytes, unless usage had to be asked for. */
  readonly body: Buffer
  /** True when usage was asked for on the client's behalf, so its frame is kept from the client. */
  readonly stripUsage: boolean
}

export type ReadResult = { ok: true; call: ReadCall } | BadBody

/** How one family of clients speaks: its bodies, its usage, its errors. */
export interface Dialect {
  readonly name: 'openai' | 'anthropic' | 'ollama'
  /** Where the prompt stands in a body. */
  readonly promptFields: readonly string[]
  read(path: string, body: Buffer): ReadResult
  /** A new collector, for one answer of an upstream whose figures are by this vendor's rule, where it is known. */
  usage(vendor?: Vendor): UsageCollector
  /** How a streamed answer comes. */
  readonly streamForm: 'events' | 'lines'
  /** How the parts of a stream that a call of this path answers are read. */
  signs(path: string): AnswerSigns
  errorBody(type: string, code: string, message: string, requestId: string): string
  /** What ends a stream whose upstream broke, in this dialect; empty for an answer that has no frames. */
  errorFrame(form: AnswerForm | undefined, code: string, message: string, requestId: string): string
}
