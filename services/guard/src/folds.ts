import type { LogEvent } from '@fluxgate/contracts'
import { type Decision, Fold, type WholePolicy } from '@fluxgate/guard-core'

export interface Policies {
  readonly live: WholePolicy
  /** Decided by beside the live one, and not enforced. */
  readonly shadow: WholePolicy | undefined
}

/** A decision of the live policy, or of the shadow policy. */
export interface Verdict {
  readonly decision: Decision
  readonly isShadow: boolean
}

/** The live fold and, for as long as there is a shadow policy, another one beside it that knows nothing of the first. */
export class Folds {
  readonly live = new Fold()
  #shadow: Fold | undefined

  /** What was decided before: incidents of the live policy, `shadowed` of the other; all else concerns both. */
  remember(entry: LogEvent, policies: Policies): void {
    const shadow = this.#shadowOf(policies)
    const { type } = entry.event
    if (type !== 'fluxgate.throttles.shadowed') this.live.remember(entry, policies.live)
    if (shadow && type !== 'fluxgate.incidents.opened') shadow.remember(entry, policies.shadow!)
  }

  fold(entry: LogEvent, policies: Policies, verdicts: Verdict[]): void {
    for (const decision of this.live.fold(entry, policies.live)) verdicts.push({ decision, isShadow: false })
    const shadow = this.#shadowOf(policies)
    if (!shadow) return
    for (const decision of shadow.fold(entry, policies.shadow!)) verdicts.push({ decision, isShadow: true })
  }

  #shadowOf(policies: Policies): Fold | undefined {
    if (!policies.shadow) this.#shadow = undefined
    else this.#shadow ??= new Fold()
    return this.#shadow
  }
}
