/** Slow hashes, a few at once: interface of the hasher in `out`. */
export interface Passwords {
  hash(password: string): Promise<PasswordHash>
  /** Takes as long for `undefined` as for a hash: an account that is not there answers like one that is. */
  verify(hash: string | undefined, password: string): Promise<PasswordVerdict>
}

export type PasswordHash =
  | { readonly ok: true; readonly hash: string }
  | { readonly ok: false; readonly reason: 'busy' }

/** `outdated`: right, and to be hashed anew with today's parameters. */
export type PasswordVerdict = 'right' | 'outdated' | 'wrong' | 'busy'
