import { JsonSkimmer, objectOf, type Room } from '@fluxgate/contracts'
import { type AnswerError, errorIn } from './answer-error.ts'
import type { UsageCollector } from './collector.ts'
import { NOTHING, type UsageTap } from './tap.ts'

/** A longer document is not held: its short members are read as it passes. */
const MAX_HELD_BYTES = 64 * 1024

/** One JSON document. Bytes pass on as they come; it is read when it has ended. */
export function documentTap(collector: UsageCollector, room: Room): UsageTap {
  let bytes = 0
  let chunks: Buffer[] = []
  let buffered = 0
  let skimmer: JsonSkimmer | undefined
  let error: AnswerError | undefined

  function release(): void {
    chunks = []
    room.give(buffered)
    buffered = 0
  }

  return {
    get usage() {
      // What generates nothing (embeddings) reports no completion.
      const { usage } = collector
      if (!usage || usage.counts.output !== undefined) return usage
      return { ...usage, counts: { ...usage.counts, output: 0 } }
    },
    get model() {
      return collector.model
    },
    // A document has no pieces; its length stands in for them where no usage is reported.
    get pieces() {
      return error ? 0 : Math.ceil(bytes / 4)
    },
    progress: 'open',
    get error() {
      return error
    },
    isBetweenParts: false,
    write(chunk) {
      bytes += chunk.length
      if (!skimmer && (bytes > MAX_HELD_BYTES || !room.take(chunk.length))) {
        skimmer = new JsonSkimmer()
        for (const before of chunks) skimmer.write(before)
        release()
      }
      if (skimmer) skimmer.write(chunk)
      else {
        chunks.push(chunk)
        buffered += chunk.length
      }
      return chunk
    },
    end() {
      const document = skimmer
        ? skimmer.value
        : objectOf(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
      release()
      skimmer = undefined
      if (document) {
        collector.see(document)
        error = errorIn('', document)
      }
      return NOTHING
    },
  }
}
