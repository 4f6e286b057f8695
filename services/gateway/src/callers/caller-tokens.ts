import { hash } from 'node:crypto'
import { identityText, type TierName } from '@fluxgate/contracts'
import type { KeyAnswer } from '../http/index.ts'
import { TokenCache, type TokenCacheLimits } from './token-cache.ts'
import { REJECTED_TOKEN, type TokenFinding, type VerifyToken } from './token-finding.ts'

export interface CallerTokensLimits extends TokenCacheLimits {
  readonly maxTokenChars: number
  /** Verifications under way at once. */
  readonly maxVerifying: number
}

export const DEFAULT_CALLER_TOKENS_LIMITS: CallerTokensLimits = Object.freeze({
  maxTokenChars: 8 * 1_024,
  maxVerifying: 1_000,
  maxGood: 50_000,
  maxBad: 10_000,
  goodMs: 60_000,
  badMs: 5_000,
})

/** A session's row, as far as a call is concerned. */
export interface SessionRow {
  readonly userId: string
  readonly tier: TierName
}

/** Which sessions live: those of the portal, by the same question and the same memory. */
export interface SessionRows {
  known(sessionId: string): { readonly value: SessionRow | undefined } | undefined
  find(sessionId: string): Promise<SessionRow | undefined>
}

export interface CallerTokensDeps {
  readonly verify: VerifyToken
  readonly sessions: SessionRows
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  readonly epochMs: () => number
}

/** `key` of a person who calls with the portal's session. */
export const SESSION_KEY = 'session'

const UNAVAILABLE: KeyAnswer = Object.freeze({ kind: 'unavailable' })

/**
 * What a gateway answers to a token. One that was verified within the last minute costs a hash; callers with the same
 * token share one verification. A session's life is asked at each use of what the portal remembers of it, so that a
 * logout ends the token's use at once.
 */
export class CallerTokens {
  readonly #deps: CallerTokensDeps
  readonly #limits: CallerTokensLimits
  readonly #cache: TokenCache
  readonly #verifying = new Map<string, Promise<TokenFinding>>()
  readonly #answers = new WeakMap<SessionRow, KeyAnswer>()

  constructor(deps: CallerTokensDeps, limits: Partial<CallerTokensLimits> = {}) {
    this.#deps = deps
    this.#limits = { ...DEFAULT_CALLER_TOKENS_LIMITS, ...limits }
    this.#cache = new TokenCache(this.#limits)
  }

  get size(): number {
    return this.#cache.size
  }

  lookup(token: string): KeyAnswer | Promise<KeyAnswer> {
    if (token.length > this.#limits.maxTokenChars) return REJECTED_TOKEN.malformed
    const key = hash('sha256', token, 'binary')
    const known = this.#cache.get(key, this.#deps.nowMs())
    if (known) return this.#answer(known)
    const verifying = this.#verifying.get(key) ?? this.#verify(key, token)
    return verifying ? verifying.then(finding => this.#answer(finding)) : UNAVAILABLE
  }

  #verify(key: string, token: string): Promise<TokenFinding> | undefined {
    if (this.#verifying.size >= this.#limits.maxVerifying) return undefined
    const { verify, nowMs } = this.#deps
    const askedAtMs = nowMs()
    const verifying = verify(token)
      .then(finding => {
        this.#cache.keep(key, finding, askedAtMs)
        return finding
      })
      .finally(() => this.#verifying.delete(key))
    this.#verifying.set(key, verifying)
    return verifying
  }

  #answer(finding: TokenFinding): KeyAnswer | Promise<KeyAnswer> {
    if (finding.kind === 'rejected') return REJECTED_TOKEN[finding.reason]
    if (finding.kind === 'unavailable') return UNAVAILABLE
    if (finding.untilMs <= this.#deps.epochMs()) return REJECTED_TOKEN.expired
    if (finding.kind === 'caller') return finding.answer
    const { session, user } = finding
    const known = this.#deps.sessions.known(session)
    if (known) return this.#sessionAnswer(known.value, user)
    return this.#deps.sessions.find(session).then(
      row => this.#sessionAnswer(row, user),
      () => UNAVAILABLE,
    )
  }

  #sessionAnswer(row: SessionRow | undefined, user: string): KeyAnswer {
    if (row?.userId !== user) return REJECTED_TOKEN.revoked
    let answer = this.#answers.get(row)
    if (!answer) {
      const identity = Object.freeze({ user, key: SESSION_KEY })
      const caller = Object.freeze({ identity, identityText: identityText(identity), tier: row.tier })
      answer = Object.freeze({ kind: 'accepted', caller })
      this.#answers.set(row, answer)
    }
    return answer
  }
}
