import type { StoredPosition } from '../tables/index.ts'

/** What a stream holds, as the server tells. */
export interface StreamHead {
  readonly firstSequence: number
  readonly lastSequence: number
  /** When JetStream made it, as the server writes it. */
  readonly created: string
}

interface StreamProgress {
  sequence: number
  /** When the last projected message was stored, or the time of its event. */
  atMs: number
  /** When the projection was last seen to have everything. */
  caughtUpAtMs: number
  lagMessages: number
  created: string | undefined
  missing: number
}

/** How far each stream has been projected, how far behind that is, and which streams must not go on. */
export class Progress {
  readonly #streams = new Map<string, StreamProgress>()
  /** Stream → why it stands still. */
  readonly halted = new Map<string, string>()

  begin(positions: ReadonlyMap<string, StoredPosition>): void {
    for (const [stream, { sequence, eventTimeMs, created }] of positions) {
      const before = this.#streams.get(stream)
      this.#streams.set(stream, {
        sequence,
        atMs: eventTimeMs ?? 0,
        caughtUpAtMs: 0,
        lagMessages: before?.lagMessages ?? 0,
        created: created ?? before?.created,
        missing: 0,
      })
    }
  }

  applied(stream: string, sequence: number, storedAtMs: number): void {
    const progress = this.#streams.get(stream)
    if (!progress) return
    progress.lagMessages = Math.max(0, progress.lagMessages - (sequence - progress.sequence))
    progress.sequence = sequence
    progress.atMs = storedAtMs
  }

  sequenceOf(stream: string): number {
    return this.#streams.get(stream)?.sequence ?? 0
  }

  /**
   * @param asked the position that was projected before the server was asked
   * @returns why the stream must halt, if it must
   */
  saw(stream: string, head: StreamHead, asked: number, nowMs: number): string | undefined {
    const progress = this.#streams.get(stream)
    if (!progress) return undefined
    progress.created ??= head.created
    const fault = faultOf(stream, head, asked, progress.created)
    if (fault !== undefined) {
      this.halted.set(stream, fault)
      return fault
    }
    progress.lagMessages = Math.max(0, head.lastSequence - progress.sequence)
    if (progress.lagMessages === 0) progress.caughtUpAtMs = nowMs
    progress.missing = Math.max(0, head.firstSequence - 1 - asked)
    return undefined
  }

  /** Messages and seconds behind. The seconds are a bound: no event older than that is missing. */
  lag(stream: string, nowMs: number): { messages: number; seconds: number } {
    const progress = this.#streams.get(stream)
    if (!progress || progress.lagMessages === 0) return { messages: 0, seconds: 0 }
    const sinceMs = Math.max(progress.atMs, progress.caughtUpAtMs)
    return { messages: progress.lagMessages, seconds: Math.max(0, nowMs - sinceMs) / 1_000 }
  }

  /** Messages that the stream dropped before they were projected. */
  missing(stream: string): number {
    return this.#streams.get(stream)?.missing ?? 0
  }
}

const WAY_OUT = '`npm run fluxgate -- projection:accept` goes on with what is there'

function faultOf(stream: string, head: StreamHead, asked: number, created: string): string | undefined {
  if (head.created !== created) {
    return `${stream} was made anew at ${head.created}, and the tables hold the one of ${created}: ${WAY_OUT}`
  }
  if (head.lastSequence >= asked) return undefined
  return `${stream} ends at ${head.lastSequence}, before the checkpoint ${asked}: it has lost messages; ${WAY_OUT}`
}
