import { createHmac } from 'node:crypto'
import { addressGroup } from '@fluxgate/contracts'

/** A secret of one period, from which addresses become hashes. */
export interface AddressKey {
  /** Number of the period since the epoch. */
  readonly period: number
  readonly secret: Uint8Array
}

/** An address has the same hash for so long; a throttle of an address holds for this long at least, twice this at most. */
export const ADDRESS_KEY_PERIOD_MS = 7 * 86_400_000

/** 80 bits. */
const ADDRESS_DIGITS = 20
const ACCOUNT_DIGITS = 32
/** Hashes that are remembered, so that a call costs a look-up and not an HMAC (1.5 µs). */
const MAX_REMEMBERED = 50_000

export function periodAt(epochMs: number): number {
  return Math.floor(epochMs / ADDRESS_KEY_PERIOD_MS)
}

/**
 * Client addresses as events and tables have them: `a_` and a keyed hash of the IPv4 address or IPv6 /64. Within a period
 * an address has one hash at every node, so that rules can count by it; when the period's key is deleted nobody can find
 * out whose it was. Addresses that the guard's policy allows by name stay as they are: the policy names them anyway, and
 * rules have to know them.
 */
export class AddressHashes {
  #current: AddressKey
  #previous: AddressKey | undefined
  #allowed: ReadonlySet<string> = new Set()
  /** Text in events by address, in the order of their first use. */
  readonly #texts = new Map<string, string>()
  /** Address group by hash: to find the hash of before the rotation. */
  readonly #groups = new Map<string, string>()
  readonly #onNew: (hash: string, group: string) => void

  /** @param onNew called when a hash is used that is not remembered: at its first use, and again now and then */
  constructor(current: AddressKey, onNew: (hash: string, group: string) => void) {
    this.#current = current
    this.#onNew = onNew
  }

  get period(): number {
    return this.#current.period
  }

  setKeys(current: AddressKey, previous: AddressKey | undefined): void {
    this.#current = current
    this.#previous = previous
    this.forget()
  }

  /** @param addresses as the guard's policy names them */
  allow(addresses: readonly string[]): void {
    this.#allowed = new Set(addresses)
    this.forget()
  }

  /** The address as events have it. */
  textOf(address: string): string {
    const known = this.#texts.get(address)
    if (known !== undefined) return known
    const group = addressGroup(address)
    const isNamed = this.#allowed.has(address) || this.#allowed.has(group)
    const text = isNamed ? address : hashed(this.#current.secret, group)
    if (this.#texts.size >= MAX_REMEMBERED) this.forget()
    this.#texts.set(address, text)
    if (!isNamed && !this.#groups.has(text)) {
      this.#groups.set(text, group)
      this.#onNew(text, group)
    }
    return text
  }

  /** What the address of this hash was called in the period before; undefined when there is none or it is not remembered. */
  previousTextOf(hash: string): string | undefined {
    const group = this.#previous && this.#groups.get(hash)
    return group === undefined ? undefined : hashed(this.#previous!.secret, group)
  }

  /** By which events count an account: a keyed hash of its e-mail address, 32 hex digits. */
  accountOf(normalisedEmail: string): string {
    return createHmac('sha256', this.#current.secret)
      .update(`account ${normalisedEmail}`)
      .digest('hex')
      .slice(0, ACCOUNT_DIGITS)
  }

  /** Each hash counts as new at its next use. */
  forget(): void {
    this.#texts.clear()
    this.#groups.clear()
  }
}

function hashed(secret: Uint8Array, group: string): string {
  const digest = createHmac('sha256', secret).update(`address ${group}`).digest('hex')
  return `a_${digest.slice(0, ADDRESS_DIGITS)}`
}
