import type { TokenFinding } from './token-finding.ts'

export interface TokenCacheLimits {
  readonly maxGood: number
  readonly maxBad: number
  /** How long a verified token is not verified again: the bound on how long a key that an issuer withdrew can matter. */
  readonly goodMs: number
  readonly badMs: number
}

interface Kept {
  readonly finding: TokenFinding
  /** Monotonic milliseconds. */
  readonly untilMs: number
}

/** Findings by the SHA-256 of their token. Bad tokens have a memory of their own, so that a flood of them pushes out no good one. */
export class TokenCache {
  readonly #limits: TokenCacheLimits
  readonly #good = new Map<string, Kept>()
  readonly #bad = new Map<string, Kept>()

  constructor(limits: TokenCacheLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#good.size + this.#bad.size
  }

  get(hash: string, nowMs: number): TokenFinding | undefined {
    const kept = this.#good.get(hash) ?? this.#bad.get(hash)
    return kept && nowMs < kept.untilMs ? kept.finding : undefined
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

function put(kept: Map<string, Kept>, hash: string, entry: Kept, max: number): void {
  if (kept.size >= max) kept.delete(kept.keys().next().value!)
  kept.set(hash, entry)
}
