import type { Answer } from './answer.ts'
import { BoundedCache, type CachedEntry } from './cache.ts'
import type { DnsLimits } from './limits.ts'
import { type DnsQuery, nameKey } from './query.ts'
import { isFailure } from './reply.ts'

/** Nothing came back from any upstream, or nothing sound. */
export type FailureKind = 'unreachable' | 'bad-answer'

/** What asking the upstreams led to; an answer may itself report a failure (SERVFAIL). */
export type Outcome = { readonly answer: Answer } | { readonly failure: FailureKind }

export interface StoredAnswer extends CachedEntry {
  readonly answer: Answer
  readonly storedAtMs: number
  readonly freshUntilMs: number
  /** An expired answer is served without asking anew until then (RFC 8767 section 5, failure recheck timer). */
  recheckAtMs: number
}

interface StoredFailure extends CachedEntry {
  readonly outcome: Outcome
  readonly storedAtMs: number
  readonly untilMs: number
  /** In a row. */
  readonly times: number
}

/** What a query may be answered with: an answer of some age, an expired one, or a failure. */
export type Finding =
  | { readonly answer: Answer; readonly ageMs: number; readonly isStale: boolean }
  | { readonly failure: FailureKind }

/** What an entry holds beside its message: objects, map slot and key, roughly. */
const ENTRY_BYTES = 512

/** What is known from the upstreams, positive, negative and failed, and for how long it counts. Time is passed in. */
export class AnswerStore {
  readonly #limits: DnsLimits
  readonly #cache: BoundedCache<StoredAnswer | StoredFailure>

  constructor(limits: DnsLimits) {
    this.#limits = limits
    this.#cache = new BoundedCache(limits)
  }

  get size(): number {
    return this.#cache.size
  }

  get bytes(): number {
    return this.#cache.bytes
  }

  /** What may be served without asking; undefined where the upstreams must be asked. */
  find(query: DnsQuery, nowMs: number): Finding | undefined {
    const stored = this.#answer(query, nowMs)
    if (stored !== undefined && nowMs < stored.freshUntilMs) {
      return { answer: stored.answer, ageMs: nowMs - stored.storedAtMs, isStale: false }
    }
    if (stored !== undefined && nowMs < stored.recheckAtMs) return staleFinding(stored, nowMs)
    const failure = this.#failure(query, nowMs)
    if (failure === undefined || nowMs >= failure.untilMs) return undefined
    return { ...failure.outcome, ageMs: nowMs - failure.storedAtMs, isStale: false }
  }

  /** An expired answer that may still be served while the upstreams fail (RFC 8767). */
  findStale(query: DnsQuery, nowMs: number): Finding | undefined {
    const stored = this.#answer(query, nowMs)
    return stored && staleFinding(stored, nowMs)
  }

  /** Remembers an outcome and says what to answer with: an expired answer is better than a failure. */
  store(query: DnsQuery, outcome: Outcome, nowMs: number): Finding {
    if ('answer' in outcome && !isFailure(outcome.answer.rcode))
      return this.#keep(query, outcome.answer, nowMs)
    const stored = this.#answer(query, nowMs)
    if (stored !== undefined) {
      stored.recheckAtMs = nowMs + this.#limits.staleRecheckMs
      return staleFinding(stored, nowMs)
    }
    // A failure of our own network ends suddenly for all names; a name that fails at its own servers rarely does.
    const times = 'answer' in outcome ? (this.#failure(query, nowMs)?.times ?? 0) + 1 : 1
    const lasting = Math.min(this.#limits.failureMs * 2 ** (times - 1), this.#limits.failureMaxMs)
    this.#cache.put(failureKey(query), {
      outcome,
      times,
      storedAtMs: nowMs,
      untilMs: nowMs + lasting,
      keepUntilMs: nowMs + lasting + this.#limits.failureMaxMs,
      byteCount: ENTRY_BYTES + ('answer' in outcome ? answerBytes(outcome.answer) : 0),
    })
    return { ...outcome, ageMs: 0, isStale: false }
  }

  #keep(query: DnsQuery, answer: Answer, nowMs: number): Finding {
    const { maxTtlSeconds, negativeTtlSeconds, staleSeconds } = this.#limits
    const cap = answer.isNegative ? negativeTtlSeconds : maxTtlSeconds
    const freshUntilMs = nowMs + Math.min(answer.freshSeconds, cap) * 1_000
    this.#cache.delete(failureKey(query))
    this.#cache.delete(query.key)
    const absent = nameKey(query)
    if (!answer.isNameAbsent) this.#cache.delete(absent)
    if (answer.freshSeconds > 0) {
      this.#cache.put(answer.isNameAbsent ? absent : query.key, {
        answer,
        storedAtMs: nowMs,
        freshUntilMs,
        keepUntilMs: freshUntilMs + staleSeconds * 1_000,
        recheckAtMs: 0,
        byteCount: ENTRY_BYTES + answerBytes(answer),
      })
    }
    return { answer, ageMs: 0, isStale: false }
  }

  #answer(query: DnsQuery, nowMs: number): StoredAnswer | undefined {
    const stored = this.#cache.find(query.key, nowMs) ?? this.#cache.find(nameKey(query), nowMs)
    return stored !== undefined && 'answer' in stored ? stored : undefined
  }

  #failure(query: DnsQuery, nowMs: number): StoredFailure | undefined {
    const stored = this.#cache.find(failureKey(query), nowMs)
    return stored !== undefined && 'outcome' in stored ? stored : undefined
  }
}

function staleFinding(stored: StoredAnswer, nowMs: number): Finding {
  return { answer: stored.answer, ageMs: nowMs - stored.storedAtMs, isStale: nowMs >= stored.freshUntilMs }
}

/** Failures stand beside an expired answer, not in its place. */
function failureKey(query: DnsQuery): string {
  return `f${query.key}`
}

function answerBytes({ bytes, options, ttlOffsets }: Answer): number {
  return bytes.length * 2 + options.length + ttlOffsets.byteLength
}
