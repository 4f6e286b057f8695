import { identityText, type LogEvent, STREAMS } from '@fluxgate/contracts'
import { type Decision, Fold, type WholePolicy } from '@fluxgate/guard-core'

/** What the guard would have done, or did. Times are epoch milliseconds. */
export interface Answer {
  readonly incident: string
  readonly rule: string
  readonly severity: string
  readonly throttled: boolean
  readonly atMs: number
  /** End of the throttle, or until when the rule leaves the identity alone. */
  readonly untilMs: number | null
  readonly explanation: string
}

export type Difference =
  /** The same incident with the same end. */
  | 'same'
  /** At about the same time, but with another begin, end or action. */
  | 'changed'
  /** Only the policy that is tried finds it. */
  | 'new'
  /** Only the guard that ran found it. */
  | 'gone'

export interface WhatIfRow {
  readonly difference: Difference
  readonly identity: string
  readonly would: Answer | null
  readonly was: Answer | null
}

export interface WhatIfResult {
  /** In the order of time. */
  readonly rows: WhatIfRow[]
  readonly counts: { readonly [D in Difference]: number }
  /** Identities that would have been throttled, and that were. */
  readonly throttled: { readonly would: number; readonly were: number }
  /** Stream → events of the range that the rules looked at. */
  readonly events: ReadonlyMap<string, number>
}

/**
 * The guard's own core over a part of the log with another policy. Before the range it remembers, as a guard that starts;
 * from there on the incidents of the log are what it is compared with, and not what it knows. Pardons of people count as
 * they were. Depends on log, policy and range alone: no clock, no chance.
 */
export class WhatIf {
  readonly #fold = new Fold()
  readonly #policy: WholePolicy
  readonly #fromMs: number
  readonly #toMs: number
  readonly #would: Decision[] = []
  readonly #was: Array<Answer & { readonly identity: string }> = []
  readonly #events = new Map<string, number>()

  constructor(policy: WholePolicy, range: { fromMs: number; toMs: number }) {
    this.#policy = policy
    this.#fromMs = range.fromMs
    this.#toMs = range.toMs
  }

  /** Events of each stream come in its order; how the streams are mixed does not matter. */
  add(entry: LogEvent): void {
    if (entry.stream === STREAMS.incidents) {
      this.#addIncident(entry)
      return
    }
    if (entry.storedAtMs > this.#toMs) return
    if (entry.storedAtMs < this.#fromMs) {
      this.#fold.remember(entry, this.#policy)
      return
    }
    this.#events.set(entry.stream, (this.#events.get(entry.stream) ?? 0) + 1)
    for (const decision of this.#fold.fold(entry, this.#policy)) this.#would.push(decision)
  }

  finish(): WhatIfResult {
    const rows = compared(this.#would, this.#was).sort(byTime)
    const counts = { same: 0, changed: 0, new: 0, gone: 0 }
    for (const { difference } of rows) counts[difference]++
    const throttledBy = (side: 'would' | 'was') =>
      new Set(rows.filter(row => row[side]?.throttled).map(({ identity }) => identity)).size
    const events = new Map([...this.#events].sort(([a], [b]) => (a < b ? -1 : 1)))
    return { rows, counts, throttled: { would: throttledBy('would'), were: throttledBy('was') }, events }
  }

  /** Its own time counts, which is that of the event that crossed the threshold: it was stored a little later. */
  #addIncident(entry: LogEvent): void {
    const { event } = entry
    if (event.type !== 'fluxgate.incidents.opened') return
    const atMs = Date.parse(event.time)
    if (atMs < this.#fromMs) this.#fold.remember(entry, this.#policy)
    if (atMs < this.#fromMs || atMs > this.#toMs) return
    const { incident, user, key, rule, severity, explanation, action, until } = event.data
    const throttled = action === 'throttled'
    const about = { identity: identityText({ user, key }), incident, rule, severity, explanation }
    this.#was.push({ ...about, throttled, atMs, untilMs: until ?? null })
  }
}

function compared(
  decisions: readonly Decision[],
  was: ReadonlyArray<Answer & { identity: string }>,
): WhatIfRow[] {
  const byIncident = new Map(was.map(each => [each.incident, each]))
  const left = new Map<string, Array<Answer & { identity: string }>>()
  const taken = new Set(decisions.map(({ incident }) => incident))
  for (const each of was) {
    if (taken.has(each.incident)) continue
    const others = left.get(each.identity)
    if (others) others.push(each)
    else left.set(each.identity, [each])
  }
  const rows: WhatIfRow[] = decisions.map(decision => {
    const identity = identityText(decision.identity)
    const would = answerOf(decision)
    const exact = byIncident.get(decision.incident)
    const match = exact ?? takeNear(left.get(identity) ?? [], would)
    const difference = !match ? 'new' : isSame(would, match) ? 'same' : 'changed'
    return { difference, identity, would, was: match ? withoutIdentity(match) : null }
  })
  for (const others of left.values()) {
    for (const each of others) {
      rows.push({ difference: 'gone', identity: each.identity, would: null, was: withoutIdentity(each) })
    }
  }
  return rows
}

/** Takes out the first one that was in force at a time when the other would have been. */
function takeNear<A extends Answer>(others: A[], { rule, atMs, untilMs }: Answer): A | undefined {
  const index = others.findIndex(
    each => each.rule === rule && each.atMs < (untilMs ?? atMs) && atMs < (each.untilMs ?? each.atMs),
  )
  return index === -1 ? undefined : others.splice(index, 1)[0]
}

function isSame(would: Answer, was: Answer): boolean {
  if (would.incident !== was.incident || would.throttled !== was.throttled) return false
  // An incident that was only observed tells no end.
  return !would.throttled || would.untilMs === was.untilMs
}

function answerOf({ incident, rule, severity, throttle, atMs, untilMs, explanation }: Decision): Answer {
  return { incident, rule, severity, throttled: throttle !== undefined, atMs, untilMs, explanation }
}

function withoutIdentity({ identity: _identity, ...answer }: Answer & { identity: string }): Answer {
  return answer
}

function byTime(a: WhatIfRow, b: WhatIfRow): number {
  const [one, other] = [a.would ?? a.was!, b.would ?? b.was!]
  return one.atMs - other.atMs || (one.incident < other.incident ? -1 : one.incident > other.incident ? 1 : 0)
}
