/** Models whose servers are remembered; with more, the oldest is asked again. */
const MAX_MODELS = 1_000

/**
 * Whether an upstream takes `stream_options.include_usage`, which the gateway adds to streams whose client did not ask
 * for usage. Servers that are strict refuse the field with 400 or 422; then it is left out from there on.
 */
export class UsageOption {
  readonly #isAllowed: boolean
  readonly #accepted = new Set<string>()
  readonly #refused = new Set<string>()
  #isRefused = false

  /** @param isAllowed `askForUsage` of the upstreams file */
  constructor(isAllowed: boolean) {
    this.#isAllowed = isAllowed
  }

  isAsked(model: string): boolean {
    return this.#isAllowed && !this.#isRefused && !this.#refused.has(model)
  }

  /** Whether a refusal may have been for the option: nothing that asked for usage has been answered yet. */
  isUnknown(model: string): boolean {
    return !this.#accepted.has(model)
  }

  accepted(model: string): void {
    remember(this.#accepted, model)
  }

  /** The same call was answered without the option. */
  refused(model: string): void {
    // A server that has never taken it refuses it for every model; a router of many vendors for some.
    if (this.#accepted.size === 0) this.#isRefused = true
    else remember(this.#refused, model)
  }
}

function remember(models: Set<string>, model: string): void {
  if (models.has(model)) return
  if (models.size >= MAX_MODELS) models.delete(models.keys().next().value!)
  models.add(model)
}
