import type { Role } from '../sessions/answers.ts'

/** What people call the ids of a list: user id → e-mail and tier, key id → name and beginning. */
export interface Names {
  readonly users: Readonly<Record<string, { email: string | null; tier: string }>>
  readonly keys: Readonly<Record<string, { name: string; prefix: string; last4: string }>>
}

export interface KeyView {
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly last4: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

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
