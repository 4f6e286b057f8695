import type { KeyView } from '../../../src/accounts/answers.ts'
import { post, type Result, remove } from '../data/index.ts'

/** The gateway's portal, as this page uses it. Times are epoch milliseconds. */
export interface KeyList {
  readonly keys: readonly KeyView[]
}

/** The only answer that ever holds the key itself. */
export interface CreatedKey {
  readonly key: string
}

export const KEYS_PATH = '/portal/keys'

export function createKey(name: string, days: number | undefined): Promise<Result<CreatedKey>> {
  return post<CreatedKey>(KEYS_PATH, { name, ...(days === undefined ? {} : { expires_in_days: days }) })
}

export function revokeKey(id: string): Promise<Result<unknown>> {
  return remove(`${KEYS_PATH}/${encodeURIComponent(id)}`)
}

/** Where one is logged in. */
export interface OwnSession {
  readonly id: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly address: string
  readonly agent: string
  readonly current: boolean
}

export const SESSIONS_PATH = '/portal/sessions'

export function endSession(id: string): Promise<Result<unknown>> {
  return remove(`${SESSIONS_PATH}/${encodeURIComponent(id)}`)
}

export function logOutEverywhere(): Promise<Result<unknown>> {
  return post('/portal/logout-everywhere')
}
