import type { EventNamed, LogEvent } from '@fluxgate/contracts'
import { epochMs, timeOf } from './log.ts'
import { cleanName } from './text.ts'

export interface BudgetCrossingRow {
  readonly id: string
  readonly sequence: number
  readonly atMs: number
  readonly data: EventNamed<'tokens.budget_crossed'>['data']
  readonly budget: string
  readonly holder: string
  readonly periodStartMs: number
}

export function foldBudgets(entries: Iterable<LogEvent>): BudgetCrossingRow[] {
  const rows = new Map<string, BudgetCrossingRow>()
  for (const entry of entries) {
    const { event, sequence } = entry
    if (event.type !== 'fluxgate.tokens.budget_crossed' || rows.has(event.id)) continue
    const { data } = event
    rows.set(event.id, {
      id: event.id,
      sequence,
      atMs: timeOf(entry),
      data,
      budget: cleanName(data.budget),
      holder: cleanName(data.holder),
      periodStartMs: epochMs(data.periodStart),
    })
  }
  return [...rows.values()]
}
