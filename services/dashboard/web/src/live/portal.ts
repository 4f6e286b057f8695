import { post, type Result, remove } from './api.ts'

/** The gateway's portal, as this page uses it. Times are epoch milliseconds. */
export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly last4: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

export interface KeyList {
  readonly keys: readonly ApiKey[]
}

/** The only answer that ever holds the key itself. */
export interface CreatedKey {
  readonly key: string
}

export const KEYS_PATH = '/portal/keys'

export function createKey(name: string): Promise<Result<CreatedKey>> {
  return post<CreatedKey>(KEYS_PATH, { name })
}

export function revokeKey(id: string): Promise<Result<unknown>> {
  return remove(`${KEYS_PATH}/${encodeURIComponent(id)}`)
}
