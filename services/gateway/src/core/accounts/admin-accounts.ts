import type { Identity, TierName } from '@fluxgate/contracts'

/** What the admin face does with users and keys; times are epoch milliseconds. */
export interface AdminAccounts {
  /** Makes the user when there is none. @returns the key, whose text is shown this once */
  generateKey(userId: string, options: { tier: TierName | undefined; name: string }): Promise<GeneratedKey>
  revokeKey(keyId: string, reason: string): Promise<Identity | undefined>
  setTier(userId: string, tier: TierName): Promise<{ from: TierName; to: TierName } | undefined>
  listUsers(): Promise<readonly AdminUser[]>
  listKeys(userId: string): Promise<readonly AdminKey[]>
  /** Reads `<user>.<key>`, a key id, or a whole key. */
  resolve(identifier: string): Promise<Identity | undefined>
}

export interface GeneratedKey {
  readonly key: string
  readonly id: string
  readonly userId: string
  readonly tier: TierName
  readonly prefix: string
}

export interface AdminUser {
  readonly id: string
  readonly role: string
  readonly tier: TierName
  readonly createdAt: number
  readonly disabledAt: number | null
}

export interface AdminKey {
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly last4: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}
