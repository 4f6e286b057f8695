import type { Role } from './answers.ts'

/** Who is behind a request, as the account stands now. */
export interface Visitor {
  readonly user: string
  readonly session: string
  readonly email: string | null
  readonly role: Role
  readonly tier: string
  readonly expiresAt: number
}

/** Admits the bearer of a session token; undefined for a token that is false, expired or ended. */
export type Admit = (token: string) => Promise<Visitor | undefined>
