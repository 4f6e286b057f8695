import type { JsonObject } from '../dialect/body.ts'
import { mergeUsage } from './read-usage.ts'
import { NOTHING, type Usage, type UsageTap } from './tap.ts'

/** A longer answer passes on unread and is settled by estimate. */
const MAX_READ_BYTES = 4 * 1024 * 1024

/** One JSON document. Bytes pass on as they come; a copy is read at the end. */
export function jsonTap(find: (answer: JsonObject) => Partial<Usage> | undefined): UsageTap {
  let usage: Usage | undefined
  let pieces = 0
  let bytes = 0
  let chunks: Buffer[] = []
  return {
    get usage() {
      return usage
    },
    get pieces() {
      return pieces
    },
    write(chunk) {
      bytes += chunk.length
      if (bytes <= MAX_READ_BYTES) chunks.push(chunk)
      else chunks = []
      return chunk
    },
    end() {
      if (chunks.length === 0) return NOTHING
      const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      chunks = []
      try {
        const answer: unknown = JSON.parse(whole.toString('utf8'))
        if (typeof answer === 'object' && answer !== null) {
          usage = mergeUsage(undefined, find(answer as JsonObject))
          // A unary answer has no pieces; its length stands in for them where no usage is reported.
          pieces = Math.ceil(bytes / 4)
        }
      } catch {
        // Not JSON: nothing to read.
      }
      return NOTHING
    },
  }
}
