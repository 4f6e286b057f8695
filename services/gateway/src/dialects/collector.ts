import type { JsonObject } from '@fluxgate/contracts'
import type { Convention, ReportedUsage } from '../usage/index.ts'

/** Reads the usage of one answer, and the model that gave it, from its parts as they come. */
export class UsageCollector {
  /** What the upstream has reported so far. */
  usage: ReportedUsage | undefined
  /** The model that answers, once a part has named it. */
  model: string | undefined
  readonly #convention: Convention

  constructor(convention: Convention) {
    this.#convention = convention
  }

  /**
   * One part: the JSON of a stream's event, a line of NDJSON, or a document. Of one too large to be held there are the
   * short members, and of its long arrays the lengths (`JsonSkimmer`). Parts without usage may be left out.
   */
  see(part: JsonObject): void {
    this.model = this.#convention.modelIn(part) ?? this.model
    this.usage = this.#convention.fold(this.usage, part)
  }
}
