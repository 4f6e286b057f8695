import type { Dialect } from './dialect.ts'
import type { AnswerForm } from './tap.ts'

/** What a tokenizer is asked when an upstream did not report all of its usage. Absent parts need no count. */
export interface CountRequest {
  readonly dialect: Dialect['name']
  /** The call's body, for the prompt. */
  readonly body: Buffer | undefined
  readonly answer: BufferedResponse | undefined
}

export interface BufferedResponse {
  readonly form: AnswerForm
  readonly bytes: Buffer
}

/** Tokens of the parts that were asked for; 0 for the others. */
export interface Counted {
  readonly prompt: number
  readonly completion: number
}

/** Calls back once: at the latest when the counter's deadline has passed, then with nothing. */
export type CountTokens = (ask: CountRequest, done: (counted: Counted | undefined) => void) => void

export interface CountLimits {
  /** The most of one call, body and answer each, that is kept and counted; a longer one is estimated. */
  readonly maxCountedBytes: number
  /** The most of all answers in flight together that their readers hold. */
  readonly maxHeardBytes: number
  /** An answer's end waits no longer for its count. */
  readonly countDeadlineMs: number
  /** So much longer while the counter starts, which the first call that needs it makes it do. */
  readonly counterStartMs: number
  /** Calls that may wait for the counter. */
  readonly maxWaitingCounts: number
}
