import type { Database, Tables } from '@fluxgate/read-model'
import { CompiledQuery, type QueryResult, type Transaction } from 'kysely'
import { insertAuthEvents } from './auth.pg.ts'
import { insertBudgetCrossings } from './budgets.pg.ts'
import {
  createCheckpoints,
  identifyCheckpoint,
  lockCheckpoints,
  moveCheckpoints,
  type Owner,
  otherVersions,
  selectCheckpoints,
  upsertHeads,
} from './checkpoints.pg.ts'
import { type Changes, fold, type Known, type Wanted, wanted } from './fold.ts'
import { insertIncidents, patchIncidents } from './incidents.pg.ts'
import { type Slice, sliceAfter, timeOf } from './log.ts'
import { type Applied, DataError, PositionLost, type StoredPosition } from './outcome.ts'
import type { RequestDays } from './request-days.pg.ts'
import { knownRequests, selectKnown, upsertRequests } from './requests.pg.ts'
import { selectThrottles, upsertThrottles } from './throttles.pg.ts'
import { addLatency, addTotals, addUsage } from './usage.pg.ts'

export interface Store {
  /** Where each stream goes on, and the time of the last event that the tables hold. */
  positions(): Promise<ReadonlyMap<string, StoredPosition>>
  /** Writes down when a stream was made whose position is not known to belong to any. */
  identify(stream: string, created: string): Promise<void>
  /** Folds the slices into the tables; rows and positions in one transaction. Parts that are in already are skipped. */
  apply(slices: readonly Slice[]): Promise<Applied>
  /** As {@link apply}, and takes everything back. @throws DataError when Postgres does not take it */
  attempt(slices: readonly Slice[]): Promise<void>
  /** Stores how far the streams went at this time: with the positions, the lag of every read. */
  storeHeads(heads: ReadonlyMap<string, number>, atMs: number): Promise<void>
}

/**
 * @param schema where the tables are: `public`, or a rebuild's own
 * @param days the partitions there
 */
export function openStore(
  db: Database,
  owner: Owner,
  streams: readonly string[],
  schema: string,
  days: RequestDays,
): Store {
  const inSchema = <T>(work: (trx: Transaction<Tables>) => Promise<T>) =>
    db.transaction().execute(async trx => {
      if (schema !== 'public') await trx.executeQuery(CompiledQuery.raw(`set local search_path to ${schema}`))
      return work(trx)
    })
  const applyWith = async <T>(slices: readonly Slice[], then: (applied: Applied) => T) => {
    try {
      const ids = wanted(slices)
      await days.ensureFor(ids.requests)
      return await inSchema(async trx => then(await applyIn(trx, owner, slices, ids)))
    } catch (error) {
      throw isDataFault(error) ? new DataError((error as Error).message, { cause: error }) : error
    }
  }
  return {
    positions: () =>
      inSchema(async trx => {
        const [other] = (await trx.executeQuery(otherVersions(owner))).rows
        if (other) {
          throw new Error(
            `the tables were folded by version ${other.version}, not ${owner.version}: rebuild them`,
          )
        }
        await trx.executeQuery(createCheckpoints(owner, streams))
        const { rows } = await trx.executeQuery(selectCheckpoints(owner))
        return new Map(rows.map(row => [row.stream, row]))
      }),
    async identify(stream, created) {
      await inSchema(trx => trx.executeQuery(identifyCheckpoint(owner, stream, created)))
    },
    async storeHeads(heads, atMs) {
      const rows = [...heads].map(([stream, sequence]) => ({ stream, sequence, atMs }))
      await inSchema(trx => trx.executeQuery(upsertHeads(rows)))
    },
    apply: slices => applyWith(slices, applied => applied),
    async attempt(slices) {
      const rolledBack = new Error('attempted')
      try {
        await applyWith(slices, () => {
          throw rolledBack
        })
      } catch (error) {
        if (error !== rolledBack) throw error
      }
    },
  }
}

async function applyIn(
  trx: Transaction<Tables>,
  owner: Owner,
  slices: readonly Slice[],
  ids: Wanted,
): Promise<Applied> {
  const { rows } = await trx.executeQuery(lockCheckpoints(owner))
  const stored = new Map(rows.map(row => [row.stream, row.sequence]))
  const fresh = slices.map(slice => {
    const position = stored.get(slice.stream) ?? 0
    if (position < slice.after) throw new PositionLost(slice.stream, position, slice.after)
    return sliceAfter(slice, position)
  })
  const moving = fresh.filter(slice => slice.last > slice.after)
  const changes = folded(moving, await readKnown(trx, ids))
  await write(trx, changes)
  if (moving.length > 0) {
    const moves = moving.map(slice => ({
      ...owner,
      stream: slice.stream,
      sequence: slice.last,
      eventTimeMs: slice.entries.length > 0 ? timeOf(slice.entries.at(-1)!) : slice.lastStoredAtMs,
    }))
    await trx.executeQuery(moveCheckpoints(moves))
  }
  const count = (list: readonly Slice[]) => list.reduce((sum, slice) => sum + slice.entries.length, 0)
  return {
    streams: new Map(
      fresh.map(({ stream, entries, last, lastStoredAtMs }) => {
        // Another instance may be further on.
        const position = Math.max(last, stored.get(stream) ?? 0)
        return [stream, { events: entries.length, position, storedAtMs: lastStoredAtMs }]
      }),
    ),
    skipped: count(slices) - count(fresh),
    repeated: changes.requests.totals.repeated,
  }
}

function folded(slices: readonly Slice[], known: Known): Changes {
  try {
    return fold(slices, known)
  } catch (error) {
    throw new DataError(`cannot be folded: ${(error as Error).message}`, { cause: error })
  }
}

async function readKnown(trx: Transaction<Tables>, { requests, throttles }: Wanted): Promise<Known> {
  return {
    requests: knownRequests(
      requests.length === 0 ? [] : (await trx.executeQuery(selectKnown(requests))).rows,
    ),
    throttles: throttles.ids.length === 0 ? [] : (await trx.executeQuery(selectThrottles(throttles))).rows,
  }
}

/** Makes each statement while Postgres works on the one before. */
async function write(trx: Transaction<Tables>, { requests, ...changes }: Changes): Promise<void> {
  const { patches, usage, latency, totals } = requests
  const some = <Row>(rows: readonly Row[], statement: (rows: readonly Row[]) => CompiledQuery) =>
    rows.length > 0 ? [() => statement(rows)] : []
  const statements = [
    ...some(patches, upsertRequests),
    ...some(usage, addUsage),
    ...some(latency, addLatency),
    ...(Object.values(totals).some(gain => gain !== 0) ? [() => addTotals(totals)] : []),
    ...some(changes.auth, insertAuthEvents),
    ...some(changes.budgets, insertBudgetCrossings),
    ...upsertThrottles(changes.throttles).map(query => () => query),
    ...some(changes.incidents.opened, insertIncidents),
    ...some(changes.incidents.patches, patchIncidents),
  ]
  let running: Promise<QueryResult<unknown>> | undefined
  for (const statement of statements) {
    const query = statement()
    await running
    running = trx.executeQuery(query)
  }
  await running
}

/** SQLSTATE classes 22 (data), 23 (constraint) and 54 (program limit): the rows' fault, which no retry mends. */
function isDataFault(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(22|23|54)\w{3}$/.test(code)
}
