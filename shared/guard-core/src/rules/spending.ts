import type { DataOf, LogEvent, TokensProgressed, TokensSettled } from '@fluxgate/contracts'

/** An event that reports consumed tokens. */
export type Spending = DataOf<typeof TokensProgressed> | DataOf<typeof TokensSettled>

export function spendingOf({ event }: LogEvent): Spending | undefined {
  return event.type === 'fluxgate.tokens.settled' || event.type === 'fluxgate.tokens.progressed'
    ? event.data
    : undefined
}

/** Tokens that no event before has reported: a settlement adds what the progress of its stream did not. */
export function consumedBy(spending: Spending): number {
  return 'delta' in spending ? spending.delta : Math.max(0, spending.total - spending.progressed)
}

/** Occurrences that an event counts for: refusals are reported together. */
export function countOf({ event }: LogEvent): number {
  return event.type === 'fluxgate.requests.refused' || event.type === 'fluxgate.auth.key_rejected'
    ? event.data.count
    : 1
}

export function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
