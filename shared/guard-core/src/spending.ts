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

export function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
