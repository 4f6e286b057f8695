/** Users and keys as operators see and change them, in JSON: types alone. Times are epoch milliseconds. */
import type { Names, Role } from './wire.ts'
import type { KeyView } from './wire-usage.ts'

export interface UserView {
  readonly id: string
  /** Null for users that were made by id alone. */
  readonly email: string | null
  readonly role: Role
  readonly tier: string
  readonly createdAt: number
  readonly disabledAt: number | null
  readonly liveKeys: number
}

export interface UserPage {
  readonly items: readonly UserView[]
  /** There are more than are listed: search for one. */
  readonly more: boolean
}

export interface UserDetail {
  readonly user: UserView
  readonly keys: readonly KeyView[]
}

export interface TierView {
  readonly name: string
  readonly capacity: number
  readonly refillRate: number
}

/** The only answer that ever holds the key itself. */
export interface MadeKey {
  readonly key: string
  readonly id: string
}

/** A finding of the shadow policy. */
export interface ShadowedView {
  readonly id: string
  readonly at: number
  readonly identity: string
  readonly rule: string
  readonly severity: string
  readonly explanation: string
  readonly action: 'observe' | 'throttle' | 'block'
  readonly until: number
  /** The policy in force opened the same incident: then there is no difference. */
  readonly incident: string | null
}

export interface ShadowPage {
  /** Newest first. */
  readonly items: readonly ShadowedView[]
  readonly more: boolean
  readonly sinceMs: number
  readonly names: Names
}
