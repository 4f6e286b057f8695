import { type Database, listThrottles, MAX_LIMIT, requestTotals } from '@fluxgate/read-model'

/** Sums since the first event, over all gateways, as the projection has them. */
export interface Figures {
  readonly atMs: number
  readonly requests: number
  readonly tokens: number
  /** At most a page of them. */
  readonly activeThrottles: number
  readonly openIncidents: number
}

const MS_PER_SECOND = 1_000

export async function readFigures(db: Database, nowMs: number): Promise<Figures> {
  const totals = await requestTotals(db)
  const throttles = await listThrottles(db, { activeAt: nowMs, limit: MAX_LIMIT })
  const { incidents } = await db
    .selectFrom('incidents')
    .where('state', '!=', 'closed')
    .select(({ fn }) => fn.countAll<string>().as('incidents'))
    .executeTakeFirstOrThrow()
  return {
    atMs: nowMs,
    requests: totals.admitted + totals.refused,
    tokens: totals.totalTokens,
    activeThrottles: throttles.items.length,
    openIncidents: Number(incidents),
  }
}

export function statusText(now: Figures, before: Figures | undefined): string {
  const seconds = before ? Math.max(0.001, (now.atMs - before.atMs) / MS_PER_SECOND) : 1
  const rate = (name: 'requests' | 'tokens') => round((now[name] - (before?.[name] ?? now[name])) / seconds)
  return [
    `${rate('requests')} requests/s`,
    `${rate('tokens')} tokens/s`,
    counted(now.activeThrottles, 'active throttle'),
    counted(now.openIncidents, 'open incident'),
  ].join(' · ')
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function round(value: number): string {
  return value < 10 ? String(Math.round(value * 10) / 10) : String(Math.round(value))
}
