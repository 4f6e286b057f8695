import type { Violation } from './violation.ts'

/** A stream as the server describes it. */
export interface StreamSpan {
  readonly stream: string
  readonly firstSequence: number
  readonly lastSequence: number
  /** True when its limits of age or size can have dropped messages. */
  readonly mayHaveDropped: boolean
}

/** Sees what a stream that is read without a filter leaves out: in its middle, at its end, and at its beginning. */
export class StreamHoles {
  readonly #last = new Map<string, number>()
  /** As far as the reading came, the part behind the range included. */
  readonly #read = new Map<string, number>()
  readonly offenders: Violation[] = []

  /** Messages of one stream come in its order; a batch comes once for each of its events. */
  add(stream: string, sequence: number, isInRange = true): void {
    this.#read.set(stream, sequence)
    if (!isInRange) return
    const last = this.#last.get(stream)
    this.#last.set(stream, sequence)
    if (last !== undefined && sequence > last + 1) this.#accuse(stream, last + 1, sequence - 1, 'its middle')
  }

  /** @param span of before the reading, which went up to the stream's end: a server gives no number twice */
  addEnd({ stream, firstSequence, lastSequence, mayHaveDropped }: StreamSpan): void {
    const read = this.#read.get(stream)
    if (read === undefined) {
      if (!mayHaveDropped && lastSequence > 0) this.#accuse(stream, 1, lastSequence, 'it')
      return
    }
    if (read < lastSequence) this.#accuse(stream, read + 1, lastSequence, 'its end')
    if (!mayHaveDropped && firstSequence > 1) this.#accuse(stream, 1, firstSequence - 1, 'its beginning')
  }

  #accuse(stream: string, first: number, last: number, where: string): void {
    const which = first === last ? `${first}` : `${first} to ${last}`
    const detail = `${stream} does not hold ${which}: deleted from ${where}`
    const places = [{ stream, sequence: first }, ...(first === last ? [] : [{ stream, sequence: last }])]
    this.offenders.push({ offence: 'deleted_from_stream', detail, places })
  }
}
