import { ANONYMOUS, type GuardPolicy, identityText, type Throttle } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import { openAddressBook } from './address-book.nats.ts'
import type { AddressHashes } from './address-keys.ts'

export interface ClientAddresses extends AsyncDisposable {
  /** The address as events and tables have it. */
  eventAddress(address: string): string
  /** The clear address of what events have, while it is stored. */
  resolveAddress(text: string): Promise<string | undefined>
  /** Deletes the clear addresses of what events have. */
  forgetAddresses(texts: Iterable<string>): Promise<void>
  /** By which events count an account. */
  accountHash(normalisedEmail: string): string
  /** The throttle in force of an identity; of an address also one that has its hash of before the last rotation. */
  throttleOf(identity: string): Throttle | undefined
  /** How long the guard keeps strangers of this address from logging in. */
  blockedForMs(address: string): number
  /** The guard's policy is another: addresses that it names stay clear. */
  onGuard(policy: GuardPolicy | undefined): void
}

export interface ClientAddressDeps {
  readonly throttles: () => ReadonlyMap<string, Throttle>
  readonly identityOf: (eventAddress: string) => { readonly user: string; readonly key: string }
  readonly epochMs: () => number
  readonly log: { warn(fields: object, message: string): void }
}

/** Client addresses as the rest of the gateway knows them: hashed for events, and looked up as such. */
export async function openClientAddresses(link: NatsLink, deps: ClientAddressDeps): Promise<ClientAddresses> {
  const { throttles, identityOf, epochMs, log } = deps
  const book = await openAddressBook(link, epochMs, log)
  const { hashes } = book
  const throttleOf = (identity: string) =>
    throttles().get(identity) ?? addressThrottleOfBefore(identity, hashes, throttles())
  return {
    throttleOf,
    eventAddress: address => hashes.textOf(address),
    resolveAddress: text => book.resolve(text),
    forgetAddresses: texts => book.forget(texts),
    accountHash: email => hashes.accountOf(email),
    blockedForMs: address =>
      blockedForMs(throttleOf(identityText(identityOf(hashes.textOf(address)))), epochMs()),
    onGuard: policy => hashes.allow(policy?.allow?.addresses ?? []),
    [Symbol.asyncDispose]: () => book[Symbol.asyncDispose](),
  }
}

/** How long an address has to wait that the guard has blocked; a throttle that lets something through is not for logins. */
export function blockedForMs(throttle: Throttle | undefined, epochMs: number): number {
  return throttle?.capacity === 0 ? Math.max(0, throttle.until - epochMs) : 0
}

const ADDRESS_PREFIX = `${ANONYMOUS}.`

/** The throttle of an address that was imposed under its hash of the period before: a rotation of the key ends none. */
function addressThrottleOfBefore(
  identity: string,
  hashes: Pick<AddressHashes, 'previousTextOf'>,
  throttles: ReadonlyMap<string, Throttle>,
): Throttle | undefined {
  if (!identity.startsWith(ADDRESS_PREFIX)) return undefined
  const before = hashes.previousTextOf(identity.slice(ADDRESS_PREFIX.length))
  return before === undefined ? undefined : throttles.get(ADDRESS_PREFIX + before)
}
