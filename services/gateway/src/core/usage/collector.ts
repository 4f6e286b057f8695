import type { JsonObject } from '../dialect/body.ts'
import { mergeUsage } from './read-usage.ts'
import type { Usage } from './tap.ts'

/** Reads the usage of one answer from its parts as they come. */
export interface UsageCollector {
  /** One part: the JSON of a stream's event, a line of NDJSON, or the whole document. Parts without usage may be left out. */
  see(part: JsonObject): void
  /** What the upstream has reported so far. */
  readonly usage: Usage | undefined
}

/** Later reports replace earlier ones, field by field. */
export function mergingCollector(find: (part: JsonObject) => Usage | undefined): UsageCollector {
  let usage: Usage | undefined
  return {
    see(part) {
      usage = mergeUsage(usage, find(part))
    },
    get usage() {
      return usage
    },
  }
}
