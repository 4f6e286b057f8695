import { JsonSkimmer, objectOf, type Room } from '@fluxgate/contracts'
import { type AnswerError, errorIn } from './answer-error.ts'
import type { UsageCollector } from './collector.ts'
import { NOTHING, type UsageTap } from './tap.ts'

/** A longer document is not held: its short members are read as it passes. */
const MAX_HELD_BYTES = 64 * 1024

/** One JSON document. Bytes pass on as they come; it is read when it has ended. */
export class DocumentTap implements UsageTap {
  readonly progress = 'open'
  readonly isBetweenParts = false
  error: AnswerError | undefined
  readonly #collector: UsageCollector
  readonly #room: Room
  #bytes = 0
  #chunks: Buffer[] = []
  #buffered = 0
  #skimmer: JsonSkimmer | undefined

  constructor(collector: UsageCollector, room: Room) {
    this.#collector = collector
    this.#room = room
  }

  get usage() {
    // What generates nothing (embeddings) reports no completion.
    const { usage } = this.#collector
    if (!usage || usage.counts.output !== undefined) return usage
    return { ...usage, counts: { ...usage.counts, output: 0 } }
  }

  get model() {
    return this.#collector.model
  }

  /** A document has no pieces: where no usage is reported, they are estimated by its length. */
  get pieces(): number {
    return this.error ? 0 : Math.ceil(this.#bytes / 4)
  }

  write(chunk: Buffer): Buffer {
    this.#bytes += chunk.length
    if (!this.#skimmer && (this.#bytes > MAX_HELD_BYTES || !this.#room.take(chunk.length))) this.#skim()
    if (this.#skimmer) this.#skimmer.write(chunk)
    else {
      this.#chunks.push(chunk)
      this.#buffered += chunk.length
    }
    return chunk
  }

  end(): Buffer {
    const chunks = this.#chunks
    const document = this.#skimmer
      ? this.#skimmer.value
      : objectOf(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
    this.#release()
    this.#skimmer = undefined
    if (document) {
      this.#collector.see(document)
      this.error = errorIn('', document)
    }
    return NOTHING
  }

  #skim(): void {
    this.#skimmer = new JsonSkimmer()
    for (const before of this.#chunks) this.#skimmer.write(before)
    this.#release()
  }

  #release(): void {
    this.#chunks = []
    this.#room.give(this.#buffered)
    this.#buffered = 0
  }
}
