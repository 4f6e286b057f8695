import {
  type FluxgateEvent,
  factFilter,
  identityText,
  KeyCreated,
  KeyRevoked,
  parseEvent,
  TierChanged,
} from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import { type Database, findKeyByHash, type KeyIdentity, touchKeys } from '@fluxgate/read-model'
import { checkApiKey, hashBytes, type KeyHash } from '../../core/accounts/api-key.ts'
import { KeyCache } from '../../core/accounts/key-cache.ts'
import type { KeyAnswer } from '../../core/admission.ts'

const TOUCH_EVERY_MS = 5_000
const MALFORMED: KeyAnswer = Object.freeze({ kind: 'rejected', reason: 'malformed' })
const UNAVAILABLE: KeyAnswer = Object.freeze({ kind: 'unavailable' })

export interface KeyDirectory extends AsyncDisposable {
  /** At once for a cached key; a promise where Postgres has to be asked. */
  lookup(key: string): KeyAnswer | Promise<KeyAnswer>
  readonly cached: number
}

/**
 * Who a key is: from a cache by its SHA-256, filled from Postgres, emptied by the log. `key_revoked` and `tier_changed`
 * are heard on core NATS as they are published; what a lost connection may have missed is forgotten at the reconnect.
 */
export function openKeyDirectory(
  link: NatsLink,
  db: Database,
  epochMs: () => number,
  log: { warn(fields: object, message: string): void },
): KeyDirectory {
  const cache = new KeyCache()
  const asking = new Map<string, Promise<KeyAnswer>>()
  const used = new Map<string, number>()
  // Counts what was forgotten, so that an answer asked for before does not come in after it.
  let generation = 0

  const onEvent = (event: FluxgateEvent): void => {
    generation++
    if (event.type === 'fluxgate.auth.key_revoked') {
      const { key, user } = event.data
      cache.forget(known => known.keyId === key && known.userId === user)
    } else if (event.type === 'fluxgate.auth.tier_changed') {
      const { user } = event.data
      cache.forget(known => known.userId === user)
    } else {
      cache.forgetUnknown()
    }
  }
  const subscriptions = [KeyRevoked, TierChanged, KeyCreated].map(definition =>
    link.connection.subscribe(factFilter(definition), {
      callback: (error, message) => {
        const parsed = error ? undefined : parseEvent(message.data)
        if (parsed?.ok) onEvent(parsed.value)
        // What cannot be read could have been a revocation.
        else cache.clear()
      },
    }),
  )
  const offReconnect = link.onReconnect(() => {
    generation++
    cache.clear()
  })

  async function ask(hash: KeyHash): Promise<KeyAnswer> {
    const asked = generation
    try {
      const found = await findKeyByHash(db, hashBytes(hash))
      const answer = found ? answerOf(found) : ({ kind: 'rejected', reason: 'unknown' } as const)
      if (asked !== generation) return answer
      const expiresAtMs = found?.expiresAt ?? undefined
      if (found)
        cache.keep(hash, { answer, keyId: found.keyId, userId: found.userId, expiresAtMs }, epochMs())
      else cache.keepUnknown(hash, epochMs())
      return cache.get(hash, epochMs())?.answer ?? answer
    } catch (error) {
      log.warn({ err: error }, 'a key cannot be looked up')
      return UNAVAILABLE
    } finally {
      asking.delete(hash)
    }
  }

  function askOnce(hash: KeyHash): Promise<KeyAnswer> {
    const running = asking.get(hash)
    if (running) return running
    const started = ask(hash)
    asking.set(hash, started)
    return started
  }

  function touch(answer: KeyAnswer): KeyAnswer {
    if (answer.kind === 'accepted') used.set(answer.caller.identity.key, epochMs())
    return answer
  }

  async function tellUsed(): Promise<void> {
    if (used.size === 0) return
    const batch = [...used].map(([keyId, usedAt]) => ({ keyId, usedAt }))
    used.clear()
    await touchKeys(db, batch).catch(error => log.warn({ err: error }, 'last use of keys not stored'))
  }
  const touching = setInterval(tellUsed, TOUCH_EVERY_MS)

  return {
    get cached() {
      return cache.size
    },
    lookup(key) {
      const checked = checkApiKey(key)
      if (!checked.ok) return MALFORMED
      const { hash } = checked
      const known = cache.get(hash, epochMs())
      if (!known) return askOnce(hash).then(touch)
      // An old answer stands while Postgres is asked again: it may be down.
      if (known.stale) void askOnce(hash)
      return touch(known.answer)
    },
    async [Symbol.asyncDispose]() {
      clearInterval(touching)
      offReconnect()
      for (const subscription of subscriptions) subscription.unsubscribe()
      await tellUsed()
    },
  }
}

function answerOf(found: KeyIdentity): KeyAnswer {
  if (found.revokedAt !== null) return { kind: 'rejected', reason: 'revoked' }
  if (found.disabledAt !== null) return { kind: 'rejected', reason: 'disabled' }
  const identity = { user: found.userId, key: found.keyId }
  return { kind: 'accepted', caller: { identity, identityText: identityText(identity), tier: found.tier } }
}
