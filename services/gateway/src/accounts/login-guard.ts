import { addressGroup } from '@fluxgate/contracts'
import { Backoff, type BackoffLimits } from './backoff.ts'

export interface GuardLimits {
  /** One account from one address, or from one known device. */
  readonly pair: BackoffLimits
  /** One account from wherever. A low ceiling, since it also holds up the owner at a new address. */
  readonly account: BackoffLimits
  /** Accounts that failed from one address: many tries at one account count once, so that an office is not shut out. */
  readonly address: BackoffLimits
  /** An address from which the account was logged in to is not held up by the failures of others, this long. */
  readonly knownMs: number
  readonly maxKnown: number
}

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS

export const DEFAULT_GUARD_LIMITS: GuardLimits = Object.freeze({
  pair: {
    freeFailures: 4,
    baseMs: SECOND_MS,
    maxMs: 15 * MINUTE_MS,
    forgetMs: 60 * MINUTE_MS,
    maxEntries: 100_000,
  },
  account: {
    freeFailures: 9,
    baseMs: SECOND_MS,
    maxMs: MINUTE_MS,
    forgetMs: 60 * MINUTE_MS,
    maxEntries: 100_000,
  },
  address: {
    freeFailures: 29,
    baseMs: SECOND_MS,
    maxMs: 5 * MINUTE_MS,
    forgetMs: 60 * MINUTE_MS,
    maxEntries: 100_000,
  },
  knownMs: 30 * 24 * 60 * MINUTE_MS,
  maxKnown: 100_000,
})

/** Who tries. `device` is the id in a device cookie that was issued to this account. */
export interface LoginSource {
  readonly address: string
  readonly device: string | undefined
}

/** A try that may go on; it counts as a failure until one of these says otherwise. */
export interface Attempt {
  readonly ok: true
  /** The device or the address has logged in to this account before. */
  readonly isKnown: boolean
  readonly succeeded: () => void
  /** Neither right nor wrong: it could not be checked. */
  readonly abandoned: () => void
}

export type Admission =
  | Attempt
  | {
      readonly ok: false
      readonly retryAfterMs: number
      /** Whether the log should hear of it: once in each wait. */
      readonly report: boolean
    }

/**
 * Slows down the guessing of passwords (ASVS 6.1.1, 6.3.1) without letting strangers lock an owner out: the long waits
 * are for the address that guesses, and a device or an address that the owner has used knows only its own failures. A
 * try counts when it begins, so that a thousand at once are not let through together. In memory, so per node and until a
 * restart: with n nodes behind a balancer there are n times the tries.
 */
export class LoginGuard {
  readonly #pair: Backoff
  readonly #account: Backoff
  /** One failure for each entry of `#pair` of this address. */
  readonly #address: Backoff
  readonly #known = new Map<string, number>()
  readonly #limits: GuardLimits

  constructor(limits: GuardLimits = DEFAULT_GUARD_LIMITS) {
    this.#limits = limits
    this.#pair = new Backoff(limits.pair)
    this.#account = new Backoff(limits.account)
    this.#address = new Backoff(limits.address)
  }

  isKnown(account: string, { address, device }: LoginSource, nowMs: number): boolean {
    return device !== undefined || this.#isKnownPair(pairOf(account, addressGroup(address)), nowMs)
  }

  /** @param account whether there is such an account makes no difference */
  begin(account: string, { address, device }: LoginSource, nowMs: number): Admission {
    const group = addressGroup(address)
    if (device !== undefined) return this.#beginAtDevice(account, group, device, nowMs)
    const pair = pairOf(account, group)
    const isKnown = this.#isKnownPair(pair, nowMs)
    const counters: Array<[Backoff, string]> = [
      [this.#pair, pair],
      [this.#address, group],
      [this.#account, account],
    ]
    const [holding, retryAfterMs] = longestWait(isKnown ? counters.slice(0, 1) : counters, nowMs)
    if (holding) return { ok: false, retryAfterMs, report: holding[0].reportOnce(holding[1]) }

    const isFirstHere = !this.#pair.has(pair, nowMs)
    if (isFirstHere) this.#address.fail(group, nowMs)
    this.#pair.fail(pair, nowMs)
    this.#account.fail(account, nowMs)
    return {
      ok: true,
      isKnown,
      succeeded: () => {
        // Only what this account has added: who owns one account must not buy tries at others with it.
        if (this.#pair.forgive(pair)) this.#address.undo(group)
        this.#account.forgive(account)
        this.#remember(pair, nowMs)
      },
      abandoned: () => {
        this.#pair.undo(pair)
        this.#account.undo(account)
        if (isFirstHere && !this.#pair.has(pair, nowMs)) this.#address.undo(group)
      },
    }
  }

  /** A known device waits for its own failures only, and adds nothing to those of its address and account. */
  #beginAtDevice(account: string, group: string, device: string, nowMs: number): Admission {
    const key = `${account} device ${device}`
    const retryAfterMs = this.#pair.waitMs(key, nowMs)
    if (retryAfterMs > 0) return { ok: false, retryAfterMs, report: this.#pair.reportOnce(key) }
    this.#pair.fail(key, nowMs)
    return {
      ok: true,
      isKnown: true,
      succeeded: () => {
        this.#pair.forgive(key)
        this.#remember(pairOf(account, group), nowMs)
      },
      abandoned: () => this.#pair.undo(key),
    }
  }

  #isKnownPair(pair: string, nowMs: number): boolean {
    return nowMs - (this.#known.get(pair) ?? Number.NEGATIVE_INFINITY) < this.#limits.knownMs
  }

  #remember(pair: string, nowMs: number): void {
    this.#known.delete(pair)
    if (this.#known.size >= this.#limits.maxKnown) this.#known.delete(this.#known.keys().next().value!)
    this.#known.set(pair, nowMs)
  }
}

function pairOf(account: string, group: string): string {
  return `${account} ${group}`
}

function longestWait(
  counters: ReadonlyArray<[Backoff, string]>,
  nowMs: number,
): [holding: [Backoff, string] | undefined, waitMs: number] {
  let holding: [Backoff, string] | undefined
  let longest = 0
  for (const counter of counters) {
    const waitMs = counter[0].waitMs(counter[1], nowMs)
    if (waitMs > longest) [holding, longest] = [counter, waitMs]
  }
  return [holding, longest]
}
