import { randomBytes } from 'node:crypto'
import { BUCKETS, ClearAddress, isAddressHash, jsonParser } from '@fluxgate/contracts'
import { Bucket, type NatsLink, RevisionConflict } from '@fluxgate/nats'
import Type, { type Static } from 'typebox'
import { AddressHashes, type AddressKey, periodAt } from './address-keys.ts'
import { AddressQueue } from './address-queue.ts'

const StoredKey = Type.Object(
  { secret: Type.String({ pattern: '^[\\w-]{43}$' }) },
  { additionalProperties: false },
)

const SECRET_BYTES = 32
/** A clear address is stored again after a day of use, so that it can be resolved while it is used. */
const STORE_AGAIN_MS = 86_400_000
/** How often a node looks whether a new period has begun. */
const CHECK_EVERY_MS = 30_000
const AT_ONCE = 32

type KeyBucket = Bucket<Static<typeof StoredKey>>
type WarnLog = { warn(fields: object, message: string): void }

/** Opens the book with the key of the present period, which is made when it is not there. */
export async function openAddressBook(
  link: NatsLink,
  epochMs: () => number,
  log: WarnLog,
): Promise<AddressBook> {
  const keys = new Bucket(link, BUCKETS.addressKeys, jsonParser(StoredKey))
  const period = periodAt(epochMs())
  const current = await takeKey(keys, period)
  return new AddressBook(link, keys, { current, before: await readKey(keys, period - 1) }, epochMs, log)
}

/**
 * The keys that all gateways share (bucket `address_keys`, which drops a key two periods after it was made), and the clear
 * addresses of the last days (bucket `addresses`). No request waits for either.
 */
class AddressBook implements AsyncDisposable {
  readonly hashes: AddressHashes
  readonly #keys: KeyBucket
  readonly #addresses: Bucket<Static<typeof ClearAddress>>
  readonly #waiting = new AddressQueue()
  readonly #epochMs: () => number
  readonly #log: WarnLog
  readonly #timers: readonly NodeJS.Timeout[]
  #storing: Promise<void> | undefined
  #closed = false

  constructor(
    link: NatsLink,
    keys: KeyBucket,
    { current, before }: { readonly current: AddressKey; readonly before: AddressKey | undefined },
    epochMs: () => number,
    log: WarnLog,
  ) {
    this.#keys = keys
    this.#addresses = new Bucket(link, BUCKETS.addresses, jsonParser(ClearAddress))
    this.#epochMs = epochMs
    this.#log = log
    this.hashes = new AddressHashes(current, (hash, group) => this.#remember(hash, group))
    this.hashes.setKeys(current, before)
    this.#timers = [
      setInterval(() => void this.rotate(), CHECK_EVERY_MS).unref(),
      setInterval(() => this.hashes.forget(), STORE_AGAIN_MS).unref(),
    ]
  }

  /** The clear address of a hash while it is stored (3 days); what is no hash is what it is. */
  async resolve(text: string): Promise<string | undefined> {
    if (!isAddressHash(text)) return text
    return (await this.#addresses.get(text))?.value.address
  }

  /** Deletes the clear addresses of these hashes. One that is used again later, by anyone, is stored again. */
  async forget(texts: Iterable<string>): Promise<void> {
    const wanted = Iterator.from(texts).filter(isAddressHash).toArray()
    for (const hash of wanted) this.#waiting.forget(hash)
    // What is being stored now must not come after the deletion.
    await this.#storing
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      await Promise.all(wanted.slice(at, at + AT_ONCE).map(hash => this.#deleteStored(hash)))
    }
  }

  /** Takes the key of the present period on; called by a timer. */
  async rotate(): Promise<void> {
    const now = periodAt(this.#epochMs())
    if (now === this.hashes.period) return
    try {
      this.hashes.setKeys(await takeKey(this.#keys, now), await readKey(this.#keys, now - 1))
    } catch (error) {
      // The key of before stays in use until the next look.
      this.#log.warn({ err: error }, 'the key of addresses cannot be changed')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#storing
  }

  #remember(hash: string, group: string): void {
    if (this.#closed || !this.#waiting.add(hash, group)) return
    this.#storing ??= this.#store().finally(() => {
      this.#storing = undefined
    })
  }

  async #store(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#closed) {
      const batch = this.#waiting.take(AT_ONCE)
      const stored = await Promise.allSettled(
        batch.map(([hash, address]) => this.#addresses.put(hash, { address })),
      )
      const failed = stored.find(result => result.status === 'rejected')
      if (failed) this.#log.warn({ err: failed.reason }, 'clear addresses are not stored')
    }
  }

  /** The marker of a deletion is as large as nothing, and ages as addresses do. */
  async #deleteStored(hash: string): Promise<void> {
    if ((await this.#addresses.get(hash)) !== undefined) await this.#addresses.delete(hash)
  }
}

async function readKey(keys: KeyBucket, period: number): Promise<AddressKey | undefined> {
  const stored = await keys.get(nameOf(period))
  return stored && { period, secret: Buffer.from(stored.value.secret, 'base64url') }
}

/** Whoever needs a period's key first makes it. */
async function takeKey(keys: KeyBucket, period: number): Promise<AddressKey> {
  const found = await readKey(keys, period)
  if (found) return found
  const secret = randomBytes(SECRET_BYTES)
  try {
    await keys.update(nameOf(period), { secret: secret.toString('base64url') }, 0)
    return { period, secret }
  } catch (error) {
    const other = error instanceof RevisionConflict ? await readKey(keys, period) : undefined
    if (other) return other
    throw error
  }
}

function nameOf(period: number): string {
  return `p${period}`
}
