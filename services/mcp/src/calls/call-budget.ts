import { MINUTE_MS } from '@fluxgate/contracts'
export interface BudgetLimits {
  /** Calls that a caller gets back in a minute, and may make at once after a rest. */
  readonly callsPerMinute: number
  readonly callBurst: number
  /** Calls of one caller that may run beside each other. */
  readonly maxRunningCalls: number
}

export type Admission =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'rate'; readonly retryAfterMs: number }
  | { readonly ok: false; readonly reason: 'running' }

interface Account {
  tokens: number
  atMs: number
  running: number
}

/** Callers remembered; beyond it those at rest are forgotten. */
const MAX_ACCOUNTS = 10_000

/** A token bucket and a count of running calls for each caller. */
export class CallBudget {
  readonly #limits: BudgetLimits
  readonly #accounts = new Map<string, Account>()

  constructor(limits: BudgetLimits) {
    this.#limits = limits
  }

  /** Each admission is followed by one {@link end}. */
  begin(caller: string, nowMs: number): Admission {
    const account = this.#accountOf(caller, nowMs)
    if (account.running >= this.#limits.maxRunningCalls) return { ok: false, reason: 'running' }
    const perMs = this.#limits.callsPerMinute / MINUTE_MS
    account.tokens = Math.min(
      this.#limits.callBurst,
      account.tokens + Math.max(0, nowMs - account.atMs) * perMs,
    )
    account.atMs = nowMs
    if (account.tokens < 1) {
      return { ok: false, reason: 'rate', retryAfterMs: Math.ceil((1 - account.tokens) / perMs) }
    }
    account.tokens--
    account.running++
    return { ok: true }
  }

  end(caller: string): void {
    const account = this.#accounts.get(caller)
    if (account) account.running--
  }

  #accountOf(caller: string, nowMs: number): Account {
    const known = this.#accounts.get(caller)
    if (known) return known
    if (this.#accounts.size >= MAX_ACCOUNTS) {
      for (const [name, { running }] of this.#accounts) if (running === 0) this.#accounts.delete(name)
    }
    const account = { tokens: this.#limits.callBurst, atMs: nowMs, running: 0 }
    this.#accounts.set(caller, account)
    return account
  }
}
