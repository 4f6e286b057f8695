import type { JsonObject } from '@fluxgate/contracts'
import type { ReportedUsage } from './reported.ts'

/** How a vendor reports usage: a fold over the parts of one answer. */
export interface Convention {
  /** Named in the settlement. */
  readonly name: string
  /**
   * What is known after one more part: a whole body, the JSON of a stream's event, or a line of NDJSON. The state of
   * before when the part reports nothing, so that a null or an empty object never replaces a figure.
   */
  fold(before: ReportedUsage | undefined, part: JsonObject): ReportedUsage | undefined
  /** The model that the part names as the one that answers. */
  modelIn(part: JsonObject): string | undefined
}
