import { DAY_MS } from '@fluxgate/contracts'
import type { Database } from '@fluxgate/read-model'
import { CompiledQuery } from 'kysely'
import { dayOf, dayOfRequest, dayText } from './request-days.ts'

/** Partitions that are there before their day begins. */
const DAYS_AHEAD = 2

/** The partitions of `requests`, one a day, in one schema. */
export interface RequestDays {
  /** Makes the partitions of these requests' days; days outside of what is kept stay in the default partition. */
  ensureFor(requestIds: readonly string[]): Promise<void>
  /** Makes today's partition and those of the next days. */
  ensureAhead(): Promise<void>
  /** Drops the partitions whose last request is older than this; returns how many. */
  dropBefore(beforeMs: number): Promise<number>
}

export function openRequestDays(
  db: Database,
  schema: string,
  retainedMs: number,
  nowMs: () => number,
): RequestDays {
  const there = new Set<number>()
  const add = async (day: number) => {
    await db.executeQuery(CompiledQuery.raw('select request_day_add($1, $2::date)', [schema, dayText(day)]))
    there.add(day)
  }
  return {
    async ensureFor(requestIds) {
      let last: number | undefined
      for (const id of requestIds) {
        const day = dayOfRequest(id)
        if (day === undefined || day === last) continue
        last = day
        const today = dayOf(nowMs())
        const isRetained = day >= dayOf(nowMs() - retainedMs) && day <= today + DAYS_AHEAD
        if (isRetained && !there.has(day)) await add(day)
      }
    },
    async ensureAhead() {
      // Asked anew each time: a rebuild may have put other tables here since.
      there.clear()
      const today = dayOf(nowMs())
      for (let day = today; day <= today + DAYS_AHEAD; day++) await add(day)
    },
    async dropBefore(beforeMs) {
      const day = dayOf(beforeMs)
      const { rows } = await db.executeQuery(
        CompiledQuery.raw('select request_days_drop($1, $2::date) as dropped', [
          schema,
          dayText(day),
        ]) as CompiledQuery<{ dropped: number }>,
      )
      for (const known of there) if (known * DAY_MS < beforeMs) there.delete(known)
      return rows[0]!.dropped
    },
  }
}
