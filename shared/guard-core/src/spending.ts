import type { DataOf, TokensProgressed, TokensSettled } from '@fluxgate/contracts'
import type { Fact } from './fact.ts'

/** A fact that tells of tokens burnt. */
export type Spending = DataOf<typeof TokensProgressed> | DataOf<typeof TokensSettled>

export function spendingOf({ event }: Fact): Spending | undefined {
  return event.type === 'fluxgate.tokens.settled' || event.type === 'fluxgate.tokens.progressed'
    ? event.data
    : undefined
}

/** Tokens that no fact before has told of: a settlement adds what its stream's progress did not tell yet. */
export function burntBy(spending: Spending): number {
  return 'delta' in spending ? spending.delta : Math.max(0, spending.total - spending.progressed)
}

/** Occurrences that a fact stands for: refusals are reported together. */
export function countOf({ event }: Fact): number {
  return event.type === 'fluxgate.requests.refused' || event.type === 'fluxgate.auth.key_rejected'
    ? event.data.count
    : 1
}

export function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
