import Type, { type Static } from 'typebox'

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/
/** A user or key id: one NATS subject token and one KV key token, so no dots, spaces or wildcards. */
export const Token = Type.String({ pattern: TOKEN.source })

/** Who pays: a user and one of its API keys. Unauthenticated callers are `anonymous` and a hash of their address. */
export const Identity = Type.Object({ user: Token, key: Token }, { additionalProperties: false })
export type Identity = Static<typeof Identity>

export const ANONYMOUS = 'anonymous'
export const PARTITIONS = 16

/** Canonical text of an identity: `<user>.<key>`; it is also the key of the `throttles` bucket. */
export function identityText(identity: Identity): string {
  return `${identity.user}.${identity.key}`
}

export function isIdentity(value: { user: unknown; key: unknown }): value is Identity {
  const isToken = (text: unknown) => typeof text === 'string' && TOKEN.test(text)
  return isToken(value.user) && isToken(value.key)
}

export function parseIdentity(text: string): Identity | undefined {
  const match = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,64})$/.exec(text)
  return match ? { user: match[1]!, key: match[2]! } : undefined
}

/**
 * The partition of a user, `00` to `15`: its hash modulo {@link PARTITIONS}.
 * Publishers compute it, so that a consumer can later be split with one filter per partition.
 */
export function partitionOf(user: string): string {
  const partition = userHash(user) % PARTITIONS
  return partition < 10 ? `0${partition}` : String(partition)
}

/** FNV-1a (32 bit) of a user's UTF-16 code units. */
export function userHash(user: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < user.length; i++) {
    hash ^= user.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return hash >>> 0
}
