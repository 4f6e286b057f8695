import type { ReportedUsage } from './reported.ts'

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
}

export const NOTHING = Buffer.alloc(0)
