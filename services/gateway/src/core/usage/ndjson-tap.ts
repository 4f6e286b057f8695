import type { JsonObject } from '../dialect/body.ts'
import type { UsageCollector } from './collector.ts'
import { NOTHING, type UsageTap } from './tap.ts'

const MAX_HELD_BYTES = 256 * 1024
const LF = 10
const COUNT = Buffer.from('eval_count')

/** Newline-delimited JSON, as Ollama streams it. Every byte passes on at once. */
export function ndjsonTap(collector: UsageCollector): UsageTap {
  let pieces = 0
  let rest: Buffer = NOTHING

  function see(line: Buffer): void {
    pieces++
    if (line.indexOf(COUNT) === -1) return
    try {
      collector.see(JSON.parse(line.toString('utf8')) as JsonObject)
    } catch {
      // Not JSON: passed on as it is, counted as a piece.
    }
  }

  return {
    get usage() {
      return collector.usage
    },
    get model() {
      return collector.model
    },
    get pieces() {
      return pieces
    },
    write(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let from = 0
      for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, from)) {
        if (end > from) see(bytes.subarray(from, end))
        from = end + 1
      }
      rest = bytes.length - from > MAX_HELD_BYTES ? NOTHING : bytes.subarray(from)
      return chunk
    },
    end() {
      if (rest.length > 0) see(rest)
      rest = NOTHING
      return NOTHING
    },
  }
}
