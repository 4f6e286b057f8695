import Type, { type Static } from 'typebox'

/** A user or key id: one NATS subject token and one KV key token, so no dots, spaces or wildcards. */
export const Token = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' })

/** Who pays: a user and one of its API keys. Unauthenticated callers are `anonymous` and a hash of their address. */
export const Identity = Type.Object({ user: Token, key: Token }, { additionalProperties: false })
export type Identity = Static<typeof Identity>

export const ANONYMOUS = 'anonymous'
export const PARTITIONS = 16

/** Canonical text of an identity: `<user>.<key>`; it is also the key of the `throttles` bucket. */
export function identityText(identity: Identity): string {
  return `${identity.user}.${identity.key}`
}

export function parseIdentity(text: string): Identity | undefined {
  const match = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,64})$/.exec(text)
  return match ? { user: match[1]!, key: match[2]! } : undefined
}

/**
 * The partition of a user, `00` to `15`: FNV-1a (32 bit) of its UTF-16 code units, modulo {@link PARTITIONS}.
 * Publishers compute it, so that a consumer can later be split with one filter per partition.
 */
export function partitionOf(user: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < user.length; i++) {
    hash ^= user.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  const partition = (hash >>> 0) % PARTITIONS
  return partition < 10 ? `0${partition}` : String(partition)
}
