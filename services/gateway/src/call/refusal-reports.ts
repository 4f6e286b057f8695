import {
  ANONYMOUS,
  type DataOf,
  identityText,
  OTHER_ADDRESSES,
  type RequestRefused,
} from '@fluxgate/contracts'
import type { RejectionReason } from '../http/index.ts'

type Counted = 'count' | 'windowMs'
/** A refused request, as its event says it. */
export type RefusedRequest = Omit<DataOf<typeof RequestRefused>, Counted>

/** Refusals of one caller for one reason; the fields are those of the first of them. */
export interface RefusalReport {
  readonly refused: RefusedRequest
  /** Why the key that was shown is not accepted, when that is the reason. */
  readonly rejected: RejectionReason | undefined
  readonly traceparent: string | undefined
  readonly count: number
  readonly windowMs: number
}

export interface RefusalReportLimits {
  /** After a report the next one of the same kind comes this much later, and then after twice as long each time. */
  readonly firstWindowMs: number
  readonly maxWindowMs: number
  /** Kinds of refusals of callers without an identity that are counted one by one; all others are counted together. */
  readonly maxStrangers: number
  /** Kinds of refusals of known identities that are counted at once; beyond it the oldest is reported early. */
  readonly maxKnown: number
  /** Kinds of one known identity; beyond it the model no longer makes a kind of its own. */
  readonly maxKindsOfOne: number
  /** Reports about callers without an identity, of all of them together. What is beyond waits and is counted meanwhile. */
  readonly strangersPerSecond: number
}

export const REFUSAL_REPORT_LIMITS: RefusalReportLimits = Object.freeze({
  firstWindowMs: 1_000,
  maxWindowMs: 10_000,
  maxStrangers: 10_000,
  maxKnown: 10_000,
  maxKindsOfOne: 32,
  strangersPerSecond: 100,
})

interface Entry {
  refused: RefusedRequest
  rejected: RejectionReason | undefined
  traceparent: string | undefined
  /** Not reported yet. */
  count: number
  sinceMs: number
  windowMs: number
  dueAtMs: number
  /** The known identity whose kind this is. */
  readonly owner: string | undefined
  /** Of callers that are counted together. */
  readonly isOthers: boolean
}

/** The identity under which callers are counted together when there are too many to count each. */
const OTHERS = Object.freeze({ user: ANONYMOUS, key: 'others', address: OTHER_ADDRESSES })

/**
 * Reports refused requests to the log: the first of a kind (caller, reason, limit; of a known identity also the model) at
 * once, those that follow counted in one report per window. So a flood of refusals costs the log a bounded rate of
 * events, whatever its rate and however many addresses it comes from. Times are monotonic milliseconds.
 */
export class RefusalReports {
  readonly #limits: RefusalReportLimits
  readonly #report: (report: RefusalReport) => void
  readonly #strangers = new Map<string, Entry>()
  readonly #known = new Map<string, Entry>()
  readonly #kindsOf = new Map<string, number>()
  #allowance: number
  #allowanceAtMs = Number.NEGATIVE_INFINITY

  constructor(report: (report: RefusalReport) => void, limits = REFUSAL_REPORT_LIMITS) {
    this.#report = report
    this.#limits = limits
    this.#allowance = limits.strangersPerSecond
  }

  /** Kinds that are counted now, of callers without an identity and of known ones. */
  get sizes(): { strangers: number; known: number } {
    return { strangers: this.#strangers.size, known: this.#known.size }
  }

  /**
   * Counts a refused request, or reports it now.
   * @param mayReport false while the log can take nothing: then it is counted
   * @returns true when it was reported
   */
  add(
    refused: RefusedRequest,
    rejected: RejectionReason | undefined,
    traceparent: string | undefined,
    nowMs: number,
    mayReport: boolean,
  ): boolean {
    const isStranger = refused.user === ANONYMOUS
    const entry = isStranger
      ? this.#strangerEntry(refused, rejected, nowMs)
      : this.#knownEntry(refused, rejected, nowMs)
    if (entry.count === 0) {
      entry.refused = entry.isOthers ? { ...refused, ...OTHERS } : refused
      entry.rejected = rejected
      entry.traceparent = traceparent
      entry.sinceMs = nowMs
    }
    entry.count++
    if (nowMs < entry.dueAtMs || !mayReport || (isStranger && !this.#mayReportStranger(nowMs))) return false
    this.#append(entry, nowMs)
    return true
  }

  /** Reports what is due, and forgets what was quiet for its window. To be called several times a second. */
  flush(nowMs: number): void {
    for (const [key, entry] of this.#known) {
      if (nowMs < entry.dueAtMs) continue
      if (entry.count > 0) this.#append(entry, nowMs)
      else this.#forgetKnown(key, entry)
    }
    for (const [key, entry] of this.#strangers) {
      if (nowMs < entry.dueAtMs) continue
      if (entry.count === 0) this.#strangers.delete(key)
      else if (this.#mayReportStranger(nowMs)) {
        this.#append(entry, nowMs)
        // To the end, so that all have their turn when there are more than may be reported.
        this.#strangers.delete(key)
        this.#strangers.set(key, entry)
      }
    }
  }

  /** Reports all that was counted, before a node stops. */
  flushAll(nowMs: number): void {
    for (const entries of [this.#known, this.#strangers]) {
      for (const entry of entries.values()) if (entry.count > 0) this.#append(entry, nowMs)
    }
  }

  #strangerEntry(refused: RefusedRequest, rejected: RejectionReason | undefined, nowMs: number): Entry {
    const kind = `${refused.reason} ${refused.limit ?? ''} ${rejected ?? ''}`
    const key = `${refused.key} ${kind}`
    const found = this.#strangers.get(key)
    if (found) return found
    if (this.#strangers.size < this.#limits.maxStrangers) return this.#added(this.#strangers, key, nowMs)
    const together = `${OTHERS.key} ${kind}`
    return this.#strangers.get(together) ?? this.#added(this.#strangers, together, nowMs)
  }

  #knownEntry(refused: RefusedRequest, rejected: RejectionReason | undefined, nowMs: number): Entry {
    const owner = identityText(refused)
    const kind = `${owner} ${refused.reason} ${refused.status} ${refused.limit ?? ''} ${rejected ?? ''}`
    const own = `${kind} ${refused.model}`
    const found = this.#known.get(own)
    if (found) return found
    const isCrowded = (this.#kindsOf.get(owner) ?? 0) >= this.#limits.maxKindsOfOne
    const key = isCrowded ? kind : own
    const together = isCrowded ? this.#known.get(key) : undefined
    if (together) return together
    if (this.#known.size >= this.#limits.maxKnown) {
      const [oldest, entry] = this.#known.entries().next().value!
      if (entry.count > 0) this.#append(entry, nowMs)
      this.#forgetKnown(oldest, entry)
    }
    this.#kindsOf.set(owner, (this.#kindsOf.get(owner) ?? 0) + 1)
    return this.#added(this.#known, key, nowMs, owner)
  }

  #added(entries: Map<string, Entry>, key: string, nowMs: number, owner?: string): Entry {
    const entry: Entry = {
      refused: undefined as never,
      rejected: undefined,
      traceparent: undefined,
      count: 0,
      sinceMs: nowMs,
      windowMs: this.#limits.firstWindowMs,
      dueAtMs: nowMs,
      owner,
      isOthers: owner === undefined && key.startsWith(`${OTHERS.key} `),
    }
    entries.set(key, entry)
    return entry
  }

  #forgetKnown(key: string, { owner }: Entry): void {
    this.#known.delete(key)
    const left = (this.#kindsOf.get(owner!) ?? 1) - 1
    if (left > 0) this.#kindsOf.set(owner!, left)
    else this.#kindsOf.delete(owner!)
  }

  #append(entry: Entry, nowMs: number): void {
    const { refused, rejected, traceparent, count } = entry
    const windowMs = count === 1 ? 0 : Math.max(0, Math.round(nowMs - entry.sinceMs))
    entry.count = 0
    entry.dueAtMs = nowMs + entry.windowMs
    entry.windowMs = Math.min(entry.windowMs * 2, this.#limits.maxWindowMs)
    this.#report({ refused, rejected, traceparent, count, windowMs })
  }

  /** Takes one report out of this second's allowance, if there is one left. */
  #mayReportStranger(nowMs: number): boolean {
    const { strangersPerSecond } = this.#limits
    const earned = ((nowMs - this.#allowanceAtMs) / 1_000) * strangersPerSecond
    this.#allowance = Math.min(strangersPerSecond, this.#allowance + Math.max(0, earned))
    this.#allowanceAtMs = nowMs
    if (this.#allowance < 1) return false
    this.#allowance--
    return true
  }
}
