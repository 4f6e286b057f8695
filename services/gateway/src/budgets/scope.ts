import type { Budget } from '@fluxgate/contracts'
import type { Caller } from '../http/index.ts'

/** Who pays for a call, as a fact or a key names it. */
export type Payer = Pick<Caller, 'identity' | 'identityText' | 'tier'>

/** What one ledger sums: the use of each holder, or of one alone, in the running period. Budgets of one scope share it. */
export interface Scope {
  readonly each: Budget['each']
  readonly period: Budget['period']
  readonly only: string | undefined
}

export function scopeOf({ each, period, only }: Budget): Scope {
  return { each, period, only }
}

/** Canonical text: the same for the same scope. */
export function scopeText({ each, period, only }: Scope): string {
  return only === undefined ? `${each}/${period}` : `${each}/${period}/${only}`
}

/** Whose budget a call is charged to: an identity, a user, a tier, or `all`. */
export function holderOf(each: Budget['each'], payer: Payer): string {
  if (each === 'key') return payer.identityText
  if (each === 'user') return payer.identity.user
  return each === 'tier' ? payer.tier : 'all'
}
