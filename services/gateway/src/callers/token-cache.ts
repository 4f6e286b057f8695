import type { TokenFinding } from './token-finding.ts'

export interface TokenCacheLimits {
  readonly maxGood: number
  readonly maxBad: number
  /** How long a verified token is not verified again: the bound on how long a key that an issuer withdrew can matter. */
  readonly goodMs: number
  readonly badMs: number
}

interface CachedEntry {
  readonly finding: TokenFinding
  /** Monotonic milliseconds. */
  readonly untilMs: number
}

/** Findings by the SHA-256 of their token. Bad tokens have a memory of their own, so that a flood of them pushes out no good one. */
export class TokenCache {
  readonly #limits: TokenCacheLimits
  readonly #good = new Map<string, CachedEntry>()
  readonly #bad = new Map<string, CachedEntry>()

  constructor(limits: TokenCacheLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#good.size + this.#bad.size
  }

  get(hash: string, nowMs: number): TokenFinding | undefined {
    const retained = this.#good.get(hash) ?? this.#bad.get(hash)
    return retained && nowMs < retained.untilMs ? retained.finding : undefined
  }

  keep(hash: string, finding: TokenFinding, nowMs: number): void {
    const { maxGood, maxBad, goodMs, badMs } = this.#limits
    this.#good.delete(hash)
    this.#bad.delete(hash)
    if (finding.kind === 'unavailable') return
    if (finding.kind === 'rejected') put(this.#bad, hash, { finding, untilMs: nowMs + badMs }, maxBad)
    else put(this.#good, hash, { finding, untilMs: nowMs + goodMs }, maxGood)
  }
}

function put(retained: Map<string, CachedEntry>, hash: string, entry: CachedEntry, max: number): void {
  if (retained.size >= max) retained.delete(retained.keys().next().value!)
  retained.set(hash, entry)
}
