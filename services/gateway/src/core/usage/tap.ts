import type { AnswerError } from '../dialect/answer-error.ts'

/** Token counts as an upstream reported them; what it has not reported is absent. */
export interface Usage {
  readonly prompt?: number
  readonly completion?: number
  /** Part of `prompt` that came from the upstream's prompt cache. */
  readonly cached?: number
}

/** What an answer's bytes are: Server-Sent Events, newline-delimited JSON, one JSON document, or nothing that is read. */
export type AnswerForm = 'events' | 'lines' | 'document' | 'opaque'

/** `finished`: the model has said why it stopped. `ended`: the event has come with which clients take the answer for whole. */
export type Progress = 'open' | 'finished' | 'ended'

/** Listens to an answer as it passes: finds its usage, counts its pieces, and holds back what the client did not ask for. */
export interface UsageTap {
  /** Takes the next bytes and returns those to forward now. */
  write(chunk: Buffer): Buffer
  /** The answer has ended: returns what was held back. */
  end(): Buffer
  /** What the upstream has reported so far. */
  readonly usage: Usage | undefined
  /** Pieces of generated text seen: servers send about one a token. */
  readonly pieces: number
  readonly progress: Progress
  /** Set when the answer is, or contains, an error of the upstream. */
  readonly error: AnswerError | undefined
  /** True when what was forwarded ends where an event or a line ends. */
  readonly isBetweenParts: boolean
}

export const NOTHING = Buffer.alloc(0)
