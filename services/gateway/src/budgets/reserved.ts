import { costMicros, type Price } from '@fluxgate/contracts'
import type { Estimate } from './estimate.ts'
import type { Amount } from './ledger.ts'

/** What a call holds of its budgets: the tokens that it reserves, and what they cost when none is read from a cache. */
export function reservedAmount({ prompt, reserved }: Estimate, price: Price | undefined): Amount {
  if (!price) return { tokens: reserved, micros: 0 }
  const output = Math.max(0, reserved - prompt)
  return { tokens: reserved, micros: costMicros(price, { input: reserved - output, output }) }
}
