import type { JsonObject } from '../dialect/body.ts'
import type { UsageCollector } from './collector.ts'
import { outermostField } from './json-tail.ts'
import { NOTHING, type UsageTap } from './tap.ts'

/** Servers write usage behind what they generated: so much of an answer's end is kept to find it. */
const TAIL_BYTES = 64 * 1024
/** A shorter answer is kept whole, and may tell its usage anywhere. */
const WHOLE_BYTES = 512 * 1024
/** Where usage stands: in one field, or (Ollama) in fields of the answer itself. */
const COUNTS = ['prompt_eval_count', 'eval_count'] as const

/** One JSON document. Bytes pass on as they come; the usage is looked for in the kept ones, from the end. */
export function jsonTap(where: 'usage' | 'counts', collector: UsageCollector): UsageTap {
  let bytes = 0
  let chunks: Buffer[] = []
  let kept = 0
  return {
    get usage() {
      // What generates nothing (embeddings) reports no completion.
      const { usage } = collector
      return usage && usage.completion === undefined ? { ...usage, completion: 0 } : usage
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
      const part = where === 'usage' ? usageField(tail) : countFields(tail)
      if (part) collector.see(part)
      return NOTHING
    },
  }
}

function usageField(tail: Buffer): JsonObject | undefined {
  const text = outermostField(tail, 'usage')
  return text === undefined ? undefined : { usage: parsed(text) }
}

function countFields(tail: Buffer): JsonObject {
  const counts: Record<string, unknown> = {}
  for (const name of COUNTS) {
    const text = outermostField(tail, name)
    if (text !== undefined) counts[name] = parsed(text)
  }
  return counts
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not JSON: nothing to read
  }
}
