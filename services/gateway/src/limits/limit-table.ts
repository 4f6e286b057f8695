import type { LimitsPolicy, Throttle, Tier, TierName } from '@fluxgate/contracts'
import { DEFAULT_TIERS, FALLBACK_TIER } from '@fluxgate/contracts'
import { Account, type Shortage } from './account.ts'
import { TokenBucket } from './token-bucket.ts'
import { isUser, larger, USER_SLACK, userOf } from './users.ts'

/** As the fact `requests.refused` names them; those with `user:` are of all keys of the user together. */
export type LimitName = Shortage | `user:${Shortage}` | 'throttle'

/** `user` is the account of all keys of the user; strangers have none. */
export type Admission =
  | { readonly ok: true; readonly account: Account; readonly user: Account | undefined }
  | {
      readonly ok: false
      readonly limit: LimitName
      /** Until the same call would pass; Infinity when it never would. */
      readonly waitMs: number
      readonly account: Account
      readonly user: Account | undefined
      readonly throttle: Throttle | undefined
    }

/** Identities and users that are remembered at once; beyond it the first of them is forgotten, with what it had spent. */
export const MAX_ACCOUNTS = 200_000
/** An account is forgotten when it has been as a newcomer's for so long; gossip relies on this being minutes late. */
const IDLE_MS = 60_000
/** Nobody knows when a stream ends: a guess that keeps clients from calling at once. */
const STREAM_WAIT_MS = 1_000
/** Below this part of a limit the other nodes are told at once and not at the next interval. */
const TIGHT_SHARE = 0.1

/**
 * The limits of every live identity (`<user>.<key>` texts): tokens, requests, streams, and the penalty box over them; and
 * those of each user over all their keys. The strictest wins. It also notes what this node itself took, for the gossip to
 * tell. Bounded: see {@link MAX_ACCOUNTS}.
 */
export class LimitTable {
  readonly #accounts = new Map<string, Account>()
  readonly #maxAccounts: number
  readonly #dirty = new Set<Account>()
  #policy: LimitsPolicy | undefined
  /** User → their identities that have limits of their own. */
  #overridden = new Map<string, string[]>()
  #busyTimes = 0
  /** Called when an identity comes near one of its limits here. */
  onTight: () => void = () => {}

  constructor(maxAccounts = MAX_ACCOUNTS) {
    this.#maxAccounts = maxAccounts
  }

  get size(): number {
    return this.#accounts.size
  }

  accounts(): MapIterator<Account> {
    return this.#accounts.values()
  }

  /** Puts a policy in force for those who are here, too. Idle ones: or their refill would go on at the old rate. */
  setPolicy(policy: LimitsPolicy | undefined, nowMs: number): void {
    this.#policy = policy
    this.#overridden = overriddenOf(policy)
    for (const account of this.#accounts.values()) {
      account.resize(account.tier, this.#limitsOf(account.identity, account.tier), nowMs)
    }
  }

  tierOf(identity: string, name: TierName): Tier {
    const override = own(this.#policy?.identities, identity)
    if (typeof override === 'object') return override
    const tier = override ?? name
    return own(this.#policy?.tiers, tier) ?? own(DEFAULT_TIERS, tier) ?? DEFAULT_TIERS[FALLBACK_TIER]
  }

  /** Takes a reservation, a request and, for a stream, a place from every limit, or from none. `epochMs` is for `until`. */
  admit(
    identity: string,
    tier: TierName,
    tokens: number,
    isStream: boolean,
    throttle: Throttle | undefined,
    nowMs: number,
    epochMs: number,
  ): Admission {
    const account = this.#inTier(identity, tier, nowMs)
    const user = account.user === undefined ? undefined : this.#inTier(account.user, tier, nowMs)
    const penalty = penaltyOf(account, throttle, nowMs, epochMs)
    if (penalty && !penalty.bucket.has(tokens, nowMs)) {
      const waitMs = Math.min(penalty.bucket.waitMs(tokens, nowMs), penalty.throttle.until - epochMs)
      return { ok: false, limit: 'throttle', waitMs, account, user, throttle: penalty.throttle }
    }
    const short = account.shortage(tokens, isStream, 0, nowMs)
    if (short) {
      const waitMs = waitOf(account, short, tokens, nowMs)
      return { ok: false, limit: short, waitMs, account, user, throttle: undefined }
    }
    const userShort = user?.shortage(tokens, isStream, USER_SLACK, nowMs)
    if (user && userShort) {
      const waitMs = waitOf(user, userShort, tokens, nowMs)
      return { ok: false, limit: `user:${userShort}`, waitMs, account, user, throttle: undefined }
    }
    const streams = isStream ? 1 : 0
    this.#spend(account, tokens, 1, streams, nowMs)
    if (user) this.#spend(user, tokens, 1, streams, nowMs)
    if (isTight(account, nowMs) || (user && isTight(user, nowMs))) this.onTight()
    return { ok: true, account, user }
  }

  /** The end of an admitted call: what was used beyond the reservation (or, negative, not used), and the stream's place. */
  settle(identity: string, tier: TierName, difference: number, isStream: boolean, nowMs: number): void {
    const account = this.knownOf(identity, tier, nowMs)
    const streams = isStream ? -1 : 0
    this.#spend(account, difference, 0, streams, nowMs)
    if (account.user !== undefined) {
      this.#spend(this.knownOf(account.user, tier, nowMs), difference, 0, streams, nowMs)
    }
  }

  /**
   * Fills the buckets of an identity again, and those of its user, whatever was spent or is owed: a way out when an upstream
   * has reported what was not used. What is missing here is given back, which the gossip tells the other nodes as it tells any
   * settlement.
   * @returns the tokens given back to the identity; 0 for one that owes nothing
   */
  refill(identity: string, nowMs: number): number {
    const user = userOf(identity)
    if (user !== undefined) this.#refill(user, nowMs)
    const tokens = this.#refill(identity, nowMs)
    this.onTight()
    return tokens
  }

  /** The account of an identity, or of a user, as it is; `tier` is for one that is new here. */
  knownOf(identity: string, tier: TierName, nowMs: number): Account {
    let account = this.#accounts.get(identity)
    if (!account) {
      if (this.#accounts.size >= this.#maxAccounts) this.#forgetFirst()
      account = new Account(identity, tier, this.#limitsOf(identity, tier), ++this.#busyTimes, nowMs)
      this.#accounts.set(identity, account)
    }
    return account
  }

  /** Those that this node changed since it was last asked. */
  takeDirty(): Account[] {
    const dirty = [...this.#dirty]
    this.#dirty.clear()
    return dirty
  }

  get hasDirty(): boolean {
    return this.#dirty.size > 0
  }

  /** Identity → whole tokens left, for those that are not full. */
  tokensLeft(nowMs: number): Record<string, number> {
    const left: Record<string, number> = Object.create(null)
    for (const { identity, tokens, penalty } of this.#accounts.values()) {
      if (isUser(identity)) continue
      left[identity] = Math.floor(
        Math.min(tokens.level(nowMs), penalty?.bucket.level(nowMs) ?? Number.POSITIVE_INFINITY),
      )
    }
    return left
  }

  /** Forgets who has long been as a newcomer would be, and what was heard of nodes that are gone. */
  forget(nowMs: number, epochMs: number): void {
    for (const account of this.#accounts.values()) {
      if (account.penalty && account.penalty.throttle.until <= epochMs) account.penalty = undefined
      if (account.changedAtMs + IDLE_MS <= nowMs && account.isFresh(nowMs)) {
        this.#accounts.delete(account.identity)
      } else account.forgetGone()
    }
  }

  /** Those of a user are the largest of the tier's and of their identities' own, so that each of these can be used up. */
  #limitsOf(id: string, tier: TierName): Tier {
    let limits = this.tierOf(id, tier)
    for (const identity of this.#overridden.get(id) ?? [])
      limits = larger(limits, this.tierOf(identity, tier))
    return limits
  }

  #inTier(id: string, tier: TierName, nowMs: number): Account {
    const account = this.knownOf(id, tier, nowMs)
    if (account.tier !== tier) account.resize(tier, this.#limitsOf(id, tier), nowMs)
    return account
  }

  #refill(id: string, nowMs: number): number {
    const account = this.#accounts.get(id)
    if (!account) return 0
    const tokens = Math.ceil(account.tokens.missing(nowMs))
    const requests = Math.ceil(account.requests?.missing(nowMs) ?? 0)
    this.#spend(account, -tokens, -requests, 0, nowMs)
    return tokens
  }

  #spend(account: Account, tokens: number, requests: number, streams: number, nowMs: number): void {
    account.spend(tokens, requests, this.#busyTimes + 1, nowMs)
    if (account.busy > this.#busyTimes) this.#busyTimes = account.busy
    account.streams = Math.max(0, account.streams + streams)
    if (tokens === 0 && requests === 0 && streams === 0) return
    account.isDirty = true
    this.#dirty.add(account)
  }

  #forgetFirst(): void {
    const [first] = this.#accounts.values()
    if (!first) return
    this.#accounts.delete(first.identity)
    this.#dirty.delete(first)
  }
}

function waitOf(account: Account, short: Shortage, tokens: number, nowMs: number): number {
  switch (short) {
    case 'tokens':
      return account.tokens.waitMs(tokens, nowMs)
    case 'requests':
      return account.requests?.waitMs(1, nowMs) ?? 0
    case 'streams':
      return STREAM_WAIT_MS
  }
}

function overriddenOf(policy: LimitsPolicy | undefined): Map<string, string[]> {
  const overridden = new Map<string, string[]>()
  for (const identity of Object.keys(policy?.identities ?? {})) {
    const user = userOf(identity)
    if (user === undefined) continue
    const identities = overridden.get(user)
    if (identities) identities.push(identity)
    else overridden.set(user, [identity])
  }
  return overridden
}

function isTight({ tokens, requests, maxStreams, allStreams }: Account, nowMs: number): boolean {
  return (
    tokens.level(nowMs) < tokens.capacity * TIGHT_SHARE ||
    (requests !== undefined && requests.level(nowMs) < requests.capacity * TIGHT_SHARE) ||
    allStreams > maxStreams * (1 - TIGHT_SHARE)
  )
}

function penaltyOf(
  account: Account,
  throttle: Throttle | undefined,
  nowMs: number,
  epochMs: number,
): Account['penalty'] {
  if (!throttle || throttle.until <= epochMs) {
    account.penalty = undefined
  } else if (account.penalty?.throttle !== throttle) {
    // What was burnt and has not come back counts against the throttle too: every node knows it, so that a throttle
    // begins alike everywhere and lets nobody start over at the next node.
    const left = Math.max(0, throttle.capacity - account.tokens.missing(nowMs))
    account.penalty = { bucket: new TokenBucket(throttle, nowMs, left), throttle }
  }
  return account.penalty
}

/** Names come from outside: what an object inherits is not a tier. */
function own<V>(record: Readonly<Record<string, V>> | undefined, name: string): V | undefined {
  return record && Object.hasOwn(record, name) ? record[name] : undefined
}
