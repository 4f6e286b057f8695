import type { ColumnType } from 'kysely'
import type { OptionalTime, Time } from '../columns.ts'

export type UserRole = 'developer' | 'operator'
export type UserTier = string

export interface UsersTable {
  id: string
  email: string | null
  password_hash: string | null
  role: UserRole
  tier: UserTier
  created_at: Time
  disabled_at: OptionalTime
}

export interface ApiKeysTable {
  id: string
  user_id: string
  hash: Buffer
  prefix: string
  last4: string
  name: string
  created_at: Time
  expires_at: OptionalTime
  revoked_at: OptionalTime
  last_used_at: OptionalTime
}

export interface SessionsTable {
  id: string
  user_id: string
  created_at: Time
  expires_at: Time
  ended_at: OptionalTime
  address: string
  agent: string
  seen_at: Time
}

export interface InvitationsTable {
  id: string
  token_hash: Buffer
  email: string | null
  role: UserRole
  tier: UserTier
  created_at: Time
  created_by: string
  expires_at: Time
  used_at: OptionalTime
  used_by: ColumnType<string | null, string | null | undefined, string | null>
  revoked_at: OptionalTime
}

export interface ErasedUsersTable {
  id: string
  erased_at: Time
}
