import type { ReportedUsage } from '../usage/index.ts'
import type { AnswerError } from './answer-error.ts'

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
  readonly usage: ReportedUsage | undefined
  /** The model that answers, once a part of the answer has named it. */
  readonly model: string | undefined
  /** Pieces of generated text seen: servers send about one a token. */
  readonly pieces: number
  readonly progress: Progress
  /** Set when the answer is, or contains, an error of the upstream. */
  readonly error: AnswerError | undefined
  /** True when what was forwarded ends where an event or a line ends. */
  readonly isBetweenParts: boolean
}

export const NOTHING = Buffer.alloc(0)
