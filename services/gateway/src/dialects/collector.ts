import type { JsonObject } from '@fluxgate/contracts'
import type { Convention, ReportedUsage } from '../usage/index.ts'

/** Reads the usage of one answer, and the model that gave it, from its parts as they come. */
export interface UsageCollector {
  /**
   * One part: the JSON of a stream's event, a line of NDJSON, or a document. Of one too large to be held there are the
   * short members, and of its long arrays the lengths (`JsonSkimmer`). Parts without usage may be left out.
   */
  see(part: JsonObject): void
  /** What the upstream has reported so far. */
  readonly usage: ReportedUsage | undefined
  /** The model that answers, once a part has named it. */
  readonly model: string | undefined
}

export function collectorOf(convention: Convention): UsageCollector {
  let usage: ReportedUsage | undefined
  let model: string | undefined
  return {
    see(part) {
      model = convention.modelIn(part) ?? model
      usage = convention.fold(usage, part)
    },
    get usage() {
      return usage
    },
    get model() {
      return model
    },
  }
}
