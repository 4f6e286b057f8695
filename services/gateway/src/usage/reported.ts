import type { JsonObject, Usage } from '@fluxgate/contracts'

/** Counts of a call as far as the vendor has reported them; `input` or `output` is absent where it has not. */
export type Counts = { -readonly [name in keyof Usage]?: Usage[name] }

/** What one of several models that billed a call used. */
export interface ReportedModel {
  readonly model: string
  readonly usage: Usage
}

/** What an answer has reported of its usage. Every number in it is bounded (`MAX_CALL_TOKENS`). */
export interface ReportedUsage {
  /** Over all models. */
  readonly counts: Readonly<Counts>
  /** When several models billed the call: `counts` is their sum. The name '' stands for the one that answers. */
  readonly models?: readonly ReportedModel[] | undefined
  /** The convention by which the figures were read. */
  readonly vendor: string
  /** The vendor's own usage object, as it came. */
  readonly raw: unknown
  /** The vendor's total is not the sum of its parts, however they are put together. */
  readonly unbalanced: boolean
}

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
