import { createHash } from 'node:crypto'
import type { BudgetCrossed, DataOf } from '@fluxgate/contracts'
import { type Level, type Reached, shown } from './rule.ts'
import type { Payer } from './scope.ts'

export type CrossedFact = DataOf<typeof BudgetCrossed>

/** What is told once: this level of this budget by this holder in this period. */
export type CrossingName = Pick<CrossedFact, 'budget' | 'period' | 'periodStart' | 'level' | 'holder'>

export function crossingText({ budget, period, periodStart, level, holder }: CrossingName): string {
  return `${budget}/${period}/${periodStart}/${level}/${holder}`
}

/** The event's id: every node that sees the crossing makes the same, so that the log keeps one. */
export function crossingId(name: CrossingName): string {
  return `budget-${createHash('sha256').update(crossingText(name)).digest('hex').slice(0, 40)}`
}

export function crossingName({ budget, holder, standing }: Reached, level: Level): CrossingName {
  return {
    budget: budget.name,
    period: budget.period,
    periodStart: standing.startMs,
    level,
    holder,
  }
}

export function crossedFact(reached: Reached, level: Level, payer: Payer, request: string): CrossedFact {
  const { budget, unit, limit, used } = reached
  return {
    ...payer.identity,
    request,
    ...crossingName(reached, level),
    each: budget.each,
    unit,
    limit: shown(unit, limit),
    used: shown(unit, used),
  }
}
