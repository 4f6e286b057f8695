import type { JsonObject } from '../dialect/body.ts'
import type { ReportedUsage } from './reported.ts'
import type { Convention } from './vendors/convention.ts'

/** Reads the usage of one answer, and the model that gave it, from its parts as they come. */
export class VendorCollector {
  readonly #convention: Convention
  #usage: ReportedUsage | undefined
  #model: string | undefined

  constructor(convention: Convention) {
    this.#convention = convention
  }

  /** The JSON of a stream's event, a line of NDJSON, or a document, whole or reduced to `USAGE_FIELDS`. */
  see(part: JsonObject): void {
    this.#model = this.#convention.modelIn(part) ?? this.#model
    this.#usage = this.#convention.fold(this.#usage, part)
  }

  /** What the upstream has reported so far. */
  get usage(): ReportedUsage | undefined {
    return this.#usage
  }

  /** The model that answers, once a part has named it. */
  get model(): string | undefined {
    return this.#model
  }
}
