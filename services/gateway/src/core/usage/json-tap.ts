import { readJson } from '@fluxgate/contracts'
import type { JsonObject } from '../dialect/body.ts'
import type { UsageCollector } from './collector.ts'
import { outermostField } from './json-tail.ts'
import { NOTHING, type UsageTap } from './tap.ts'
import { USAGE_FIELDS } from './vendors/convention.ts'
import { objectOf } from './vendors/counts.ts'

/** Servers write usage behind what they generated: so much of an answer's end is kept to find it. */
const TAIL_BYTES = 64 * 1024
/** A shorter answer is kept whole, and may tell its usage anywhere. */
const WHOLE_BYTES = 512 * 1024

/** One JSON document. Bytes pass on as they come; the usage is looked for in the kept ones, from the end. */
export function jsonTap(collector: UsageCollector): UsageTap {
  let bytes = 0
  let chunks: Buffer[] = []
  let kept = 0
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
      return Math.ceil(bytes / 4)
    },
    write(chunk) {
      bytes += chunk.length
      kept += chunk.length
      chunks.push(chunk)
      if (bytes > WHOLE_BYTES) {
        let dropped = 0
        while (kept - chunks[dropped]!.length >= TAIL_BYTES) kept -= chunks[dropped++]!.length
        if (dropped > 0) chunks = chunks.slice(dropped)
      }
      return chunk
    },
    end() {
      if (chunks.length === 0) return NOTHING
      const tail = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, kept)
      chunks = []
      kept = 0
      collector.see((bytes <= WHOLE_BYTES ? wholeOf(tail) : undefined) ?? fieldsOf(tail))
      return NOTHING
    },
  }
}

/** Undefined when it is no object, or deeper than is read. */
function wholeOf(bytes: Buffer): JsonObject | undefined {
  const read = readJson(bytes, { maxSize: WHOLE_BYTES })
  return read.ok ? objectOf(read.value) : undefined
}

function fieldsOf(tail: Buffer): JsonObject {
  const found: Record<string, unknown> = {}
  for (const name of USAGE_FIELDS) {
    const text = outermostField(tail, name)
    const read = text === undefined ? undefined : readJson(text, { maxSize: TAIL_BYTES })
    if (read?.ok) found[name] = read.value
  }
  return found
}
