/**
 * Who a hash is for. `known`: a device or an address that has logged in to this account before, somebody with a session
 * or an invitation, or the node itself. Slots and a queue are reserved for them.
 */
export type Priority = 'known' | 'stranger'

export interface HashedFor {
  readonly priority: Priority
  /** What strangers share a bound by: the address group. */
  readonly source: string
}

/** Slow hashes, a few at once: interface of the hasher in `out`. */
export interface Passwords {
  hash(password: string, who: HashedFor): Promise<PasswordHash>
  /** Takes as long for `undefined` as for a hash: an account that is not there answers like one that is. */
  verify(hash: HashSource, password: string, who: HashedFor): Promise<PasswordVerdict>
}

/** A hash, or how to look it up: that is done in turn too, so that a crowd of logins does not take the database from others. */
export type HashSource = string | undefined | (() => Promise<string | undefined>)

/** The node's own hashes, and those of people with a session. */
export const KNOWN: HashedFor = Object.freeze({ priority: 'known', source: '' })

export type PasswordHash =
  | { readonly ok: true; readonly hash: string }
  | { readonly ok: false; readonly reason: 'busy' }

/** `outdated`: right, and to be hashed anew with today's parameters. */
export type PasswordVerdict = 'right' | 'outdated' | 'wrong' | 'busy'
