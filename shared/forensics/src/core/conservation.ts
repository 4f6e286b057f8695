import type { StoredEvent } from '@fluxgate/contracts'
import {
  addProgress,
  contradictionOf,
  type Ending,
  identityFieldsOf,
  isProgressOf,
  type Known,
  placeText,
  type Said,
  type Step,
  type Told,
  toldsOf,
} from './known-request.ts'
import { Seen } from './seen.ts'
import { noSums, type Sums } from './sums.ts'
import { timeOfId } from './ulid-time.ts'
import type { Violation, ViolationKind } from './violation.ts'

export interface ConservationLimits {
  /** A request of which nothing was heard for longer has been lost, and is not in flight. */
  readonly silenceMs: number
  /** Within so long an ending and its settlement reach their streams, one after the other. */
  readonly closingMs: number
  /** Whole requests remembered, so that a second ending is seen as such. */
  readonly maxRemembered: number
}

export const DEFAULT_CONSERVATION_LIMITS: ConservationLimits = Object.freeze({
  silenceMs: 600_000,
  closingMs: 60_000,
  maxRemembered: 1_000_000,
})

/** Clocks of nodes and of the log's server differ by less than this, as a rule. */
export const CLOCK_SLACK_MS = 5_000

/**
 * The conservation check, as a fold: every request admitted in the range has at most one ending and one settlement, none
 * of them comes from nowhere, and admitted = completed + failed + interrupted + in flight for each identity. Events come
 * in any order across streams. Those shortly before and after the range are given too, so that a request is not torn
 * apart at its edges; they are not counted.
 */
export class Conservation {
  readonly #fromMs: number
  readonly #toMs: number
  readonly #limits: ConservationLimits
  readonly #open = new Map<string, Known>()
  readonly #whole: Seen
  readonly #refused: Seen
  /** Whole requests whose progress does not add up, or not yet. */
  readonly #unprogressed = new Map<string, Known>()
  readonly #sums = new Map<string, Sums>()
  readonly #offenders: Violation[] = []
  /** Endings in the range of requests that were admitted before it. */
  endedOfBefore = 0

  constructor(range: { fromMs: number; toMs: number }, limits = DEFAULT_CONSERVATION_LIMITS) {
    this.#fromMs = range.fromMs
    this.#toMs = range.toMs
    this.#limits = limits
    this.#whole = new Seen(limits.maxRemembered)
    this.#refused = new Seen(limits.maxRemembered)
  }

  /** @returns true when the event is a request's first settlement, and stands in the range: one that the tables hold */
  add(entry: StoredEvent): boolean {
    const { event } = entry
    switch (event.type) {
      case 'fluxgate.requests.admitted': {
        const known = this.#known('admitted', entry, event.data)
        if (!known) break
        known.admitted = { ...identityFieldsOf(entry, event.data), reserved: event.data.reserved }
        if (this.#refused.has(known.request)) {
          this.#accuse('refused_and_admitted', known.request, 'admitted, and refused before', [
            known.admitted,
          ])
        }
        this.#closeIfWhole(known)
        break
      }
      case 'fluxgate.requests.refused':
        if (this.#isJudged(entry)) this.#refuse(entry, event.data)
        break
      case 'fluxgate.requests.completed':
      case 'fluxgate.requests.failed':
      case 'fluxgate.requests.interrupted': {
        const known = this.#known('ended', entry, event.data)
        if (!known) break
        const ending = event.type.slice('fluxgate.requests.'.length) as Ending
        const startedMs = Date.parse(event.time) - event.data.durationMs
        known.ended = { ...identityFieldsOf(entry, event.data), ending, startedMs }
        this.#closeIfWhole(known)
        break
      }
      case 'fluxgate.tokens.progressed': {
        const { request } = event.data
        if (this.#whole.has(request) && !this.#unprogressed.has(request)) break
        const known = this.#unprogressed.get(request) ?? this.#opened(request)
        known.heardMs = Math.max(known.heardMs, entry.storedAtMs)
        addProgress(known.progress, event.data)
        this.#compare(known, identityFieldsOf(entry, event.data))
        break
      }
      case 'fluxgate.tokens.settled': {
        const known = this.#known('settled', entry, event.data)
        if (!known) return false
        const { usage, total, reserved, progressed } = event.data
        const counts = { prompt: usage.input, completion: usage.output, total, reserved, progressed }
        known.settled = { ...identityFieldsOf(entry, event.data), ...counts }
        this.#closeIfWhole(known)
        return this.#isJudged(entry)
      }
    }
    return false
  }

  /** @param endMs up to when the log was read, by its own clock */
  finish(endMs: number): { whole: Sums; identities: Map<string, Sums>; offenders: Violation[] } {
    for (const known of this.#open.values()) {
      this.#judgeOpen(known, endMs)
      this.#count(known)
    }
    this.#open.clear()
    for (const known of this.#unprogressed.values()) this.#judgeProgress(known, endMs)
    for (const [identity, sums] of this.#sums) {
      const { admitted, completed, failed, interrupted, inFlight } = sums
      if (admitted !== completed + failed + interrupted + inFlight) {
        const detail =
          `${admitted} admitted, but ${completed} completed, ${failed} failed, ${interrupted} interrupted and ` +
          `${inFlight} in flight`
        this.#offenders.push({ offence: 'unbalanced', detail, identity, places: [] })
      }
    }
    return { whole: this.#added(), identities: this.#sums, offenders: this.#offenders }
  }

  /** What all came to, if the reading ended here: nothing is judged, and it may go on. */
  soFar(): { whole: Sums; identities: number } {
    const whole = this.#added()
    const identities = new Set(this.#sums.keys())
    for (const known of this.#open.values()) {
      this.#countInto(identity => {
        identities.add(identity)
        return whole
      }, known)
    }
    return { whole, identities: identities.size }
  }

  #added(): Sums {
    const whole = noSums()
    for (const sums of this.#sums.values()) {
      for (const name of Object.keys(whole) as Array<keyof Sums>) whole[name] += sums[name]
    }
    return whole
  }

  #refuse(
    entry: StoredEvent,
    data: { request: string; user: string; key: string; model: string; count: number },
  ): void {
    const told = identityFieldsOf(entry, data)
    this.#sumsOf(told.identity).refused += data.count
    this.#refused.add(data.request)
    const known = this.#open.get(data.request)
    if (known || this.#whole.has(data.request)) {
      this.#accuse('refused_and_admitted', data.request, 'refused, and admitted before', [told])
    }
  }

  /** The record of a request; undefined, and an accusation, when this step of it was told before. */
  #known(step: Step, entry: StoredEvent, data: Said & { request: string }): Known | undefined {
    const { request } = data
    const told = identityFieldsOf(entry, data)
    if (!this.#open.has(request) && this.#whole.has(request)) {
      this.#accuse(`${step}_twice`, request, `${step} again when all of it was stored`, [told])
      return undefined
    }
    const known = this.#opened(request)
    const before = known[step]
    if (before) {
      const detail = `${step} at ${placeText(before)} and again at ${placeText(told)}`
      this.#accuse(`${step}_twice`, known.request, detail, [before, told])
      return undefined
    }
    this.#compare(known, told)
    known.heardMs = Math.max(known.heardMs, entry.storedAtMs)
    return known
  }

  #opened(request: string): Known {
    let known = this.#open.get(request)
    if (!known) {
      const progress = { sum: 0, squares: 0 }
      known = { request, heardMs: 0, admitted: undefined, progress, ended: undefined, settled: undefined }
      this.#open.set(request, known)
    }
    return known
  }

  #compare(known: Known, told: Told): void {
    // The admission says whose request it is; before it is known, what came first does.
    const [before] = toldsOf(known)
    const found = before && contradictionOf(before, told)
    if (found) this.#accuse(found.offence, known.request, found.detail, [before, told])
  }

  #closeIfWhole(known: Known): void {
    const { admitted, ended, settled } = known
    if (!admitted || !ended || !settled) return
    this.#count(known)
    if (admitted.reserved !== settled.reserved && this.#isJudged(admitted)) {
      const detail = `admitted with ${admitted.reserved} tokens reserved, and settled with ${settled.reserved}`
      this.#accuse('wrong_reservation', known.request, detail, [admitted, settled])
    }
    // Publishers send again what the server has not confirmed: some of it may stand behind the settlement.
    if (!isProgressOf(known.progress, settled)) this.#unprogressed.set(known.request, known)
    this.#open.delete(known.request)
    this.#whole.add(known.request)
  }

  /** What is half told where the reading ends: still on its way, begun before the range, or an offence. */
  #judgeOpen(known: Known, endMs: number): void {
    const { admitted, ended, settled } = known
    if (!admitted) {
      const told = toldsOf(known)
      const startedMs = timeOfId(known.request) ?? ended?.startedMs ?? Number.NEGATIVE_INFINITY
      const isJudged = startedMs >= this.#fromMs + CLOCK_SLACK_MS && told.some(each => this.#isJudged(each))
      if (isJudged) this.#accuse('never_admitted', known.request, 'has events, and was never admitted', told)
      return
    }
    if (!this.#isJudged(admitted)) return
    const silentMs = endMs - known.heardMs
    if (ended && !settled && silentMs > this.#limits.closingMs) {
      this.#accuse('never_settled', known.request, `${ended.ending}, and never settled`, [admitted, ended])
    } else if (settled && !ended && silentMs > this.#limits.closingMs) {
      this.#accuse('never_ended', known.request, 'settled, and never ended', [admitted, settled])
    } else if (!settled && !ended && silentMs > this.#limits.silenceMs) {
      const detail = `admitted, and nothing was heard of it for ${Math.round(silentMs / 1_000)} s`
      this.#accuse('never_ended', known.request, detail, [admitted])
    }
  }

  #judgeProgress({ request, heardMs, admitted, settled, progress }: Known, endMs: number): void {
    if (!admitted || !settled || !this.#isJudged(admitted) || isProgressOf(progress, settled)) return
    if (endMs - heardMs <= this.#limits.closingMs) return
    const detail = `settled with ${settled.progressed} tokens told on the way, and its progress says otherwise`
    this.#accuse('wrong_progress', request, detail, [admitted, settled])
  }

  #count({ admitted, ended, settled }: Known): void {
    if (!admitted || admitted.storedAtMs < this.#fromMs) {
      if (ended && this.#isJudged(ended)) this.endedOfBefore++
      return
    }
    this.#countInto(identity => this.#sumsOf(identity), { admitted, ended, settled })
  }

  #countInto(
    sumsOf: (identity: string) => Sums,
    { admitted, ended, settled }: Pick<Known, 'admitted' | 'ended' | 'settled'>,
  ): void {
    if (!admitted || !this.#isJudged(admitted)) return
    sumsOf(admitted.identity).admitted++
    if (ended && this.#isJudged(ended)) sumsOf(ended.identity)[ended.ending]++
    else sumsOf(admitted.identity).inFlight++
    if (!settled || !this.#isJudged(settled)) return
    const sums = sumsOf(settled.identity)
    sums.settled++
    sums.promptTokens += settled.prompt
    sums.completionTokens += settled.completion
    sums.totalTokens += settled.total
  }

  #accuse(offence: ViolationKind, request: string, detail: string, told: readonly Told[]): void {
    const { identity } = told[0]!
    const places = told.map(({ place }) => place)
    this.#offenders.push({ offence, detail, identity, request, places })
  }

  /** Stands in the range, and not at its edges. */
  #isJudged({ storedAtMs }: { readonly storedAtMs: number }): boolean {
    return storedAtMs >= this.#fromMs && storedAtMs <= this.#toMs
  }

  #sumsOf(identity: string): Sums {
    let sums = this.#sums.get(identity)
    if (!sums) {
      sums = noSums()
      this.#sums.set(identity, sums)
    }
    return sums
  }
}
