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

export interface AddressBook extends AsyncDisposable {
  readonly hashes: AddressHashes
  /** The clear address of a hash while it is stored (3 days); what is no hash is what it is. */
  resolve(text: string): Promise<string | undefined>
  /** Deletes the clear addresses of these hashes. One that is used again later, by anyone, is stored again. */
  forget(texts: Iterable<string>): Promise<void>
  /** Takes the key of the present period on; called by a timer. */
  rotate(): Promise<void>
}

/**
 * The keys that all gateways share (bucket `address_keys`, which drops a key two periods after it was made), and the clear
 * addresses of the last days (bucket `addresses`). No request waits for either.
 */
export async function openAddressBook(
  link: NatsLink,
  epochMs: () => number,
  log: { warn(fields: object, message: string): void },
): Promise<AddressBook> {
  const keys = new Bucket(link, BUCKETS.addressKeys, jsonParser(StoredKey))
  const addresses = new Bucket(link, BUCKETS.addresses, jsonParser(ClearAddress))
  const waiting = new AddressQueue()
  let storing: Promise<void> | undefined
  let closed = false

  async function store(): Promise<void> {
    while (waiting.size > 0 && !closed) {
      const batch = waiting.take(AT_ONCE)
      const stored = await Promise.allSettled(
        batch.map(([hash, address]) => addresses.put(hash, { address })),
      )
      const failed = stored.find(result => result.status === 'rejected')
      if (failed) log.warn({ err: failed.reason }, 'clear addresses are not stored')
    }
  }

  function remember(hash: string, group: string): void {
    if (closed || !waiting.add(hash, group)) return
    storing ??= store().finally(() => {
      storing = undefined
    })
  }

  /** The marker of a deletion is as large as nothing, and ages as addresses do. */
  async function deleteStored(hash: string): Promise<void> {
    if ((await addresses.get(hash)) !== undefined) await addresses.delete(hash)
  }

  const period = periodAt(epochMs())
  const current = await takeKey(keys, period)
  const hashes = new AddressHashes(current, remember)
  hashes.setKeys(current, await readKey(keys, period - 1))

  async function rotate(): Promise<void> {
    const now = periodAt(epochMs())
    if (now === hashes.period) return
    try {
      hashes.setKeys(await takeKey(keys, now), await readKey(keys, now - 1))
    } catch (error) {
      // The key of before stays in use until the next look.
      log.warn({ err: error }, 'the key of addresses cannot be changed')
    }
  }
  const timer = setInterval(() => void rotate(), CHECK_EVERY_MS).unref()
  const again = setInterval(() => hashes.forget(), STORE_AGAIN_MS).unref()

  return {
    hashes,
    rotate,
    async resolve(text) {
      if (!isAddressHash(text)) return text
      return (await addresses.get(text))?.value.address
    },
    async forget(texts) {
      const wanted = Iterator.from(texts).filter(isAddressHash).toArray()
      for (const hash of wanted) waiting.forget(hash)
      // What is being stored now must not come after the deletion.
      await storing
      for (let at = 0; at < wanted.length; at += AT_ONCE) {
        await Promise.all(wanted.slice(at, at + AT_ONCE).map(deleteStored))
      }
    },
    async [Symbol.asyncDispose]() {
      closed = true
      clearInterval(timer)
      clearInterval(again)
      await storing
    },
  }
}

async function readKey(
  keys: Bucket<Static<typeof StoredKey>>,
  period: number,
): Promise<AddressKey | undefined> {
  const stored = await keys.get(nameOf(period))
  return stored && { period, secret: Buffer.from(stored.value.secret, 'base64url') }
}

/** Whoever needs a period's key first makes it. */
async function takeKey(keys: Bucket<Static<typeof StoredKey>>, period: number): Promise<AddressKey> {
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
