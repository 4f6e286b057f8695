import { type Database, readMigrations, runScript, type Tables } from '@fluxgate/read-model'
import { CompiledQuery, type Transaction } from 'kysely'
import type { Owner } from './checkpoints.ts'

/** Where a rebuild makes its tables. */
export const REBUILD_SCHEMA = 'projection_rebuild'
const REPLACED_SCHEMA = 'projection_replaced'
const LOCK_WAIT = '5s'

/** Stream → live and rebuilt position. */
export type Positions = ReadonlyMap<string, { readonly live: number; readonly rebuilt: number }>

/** Makes empty tables beside the live ones, out of the same migrations; what an earlier rebuild left goes. */
export async function prepareRebuild(db: Database): Promise<void> {
  const migrations = (await readMigrations()).filter(isOfProjections)
  await db.transaction().execute(async trx => {
    await runScript(trx, `drop schema if exists ${REBUILD_SCHEMA} cascade; create schema ${REBUILD_SCHEMA}`)
    await runScript(trx, `set local search_path to ${REBUILD_SCHEMA}`)
    for (const { text } of migrations) await runScript(trx, text)
  })
}

/** Migrations of projected tables are those named `<number>_projections…`. */
function isOfProjections({ name }: { name: string }): boolean {
  return /^\d+_projections/.test(name)
}

/**
 * Puts the rebuilt tables in the place of the live ones, in one transaction, if they are as far on; the live projection
 * waits meanwhile and then goes on with the new tables. Returns the positions, and whether the tables were swapped.
 */
export async function trySwap(
  db: Database,
  owner: Owner,
): Promise<{ swapped: boolean; positions: Positions }> {
  return db.transaction().execute(async trx => {
    await runScript(trx, `set local lock_timeout to '${LOCK_WAIT}'`)
    // The same first lock as the projection takes, so that neither waits for the other in a circle.
    const live = await lockPositions(trx, 'public', owner.projection)
    const rebuilt = await lockPositions(trx, REBUILD_SCHEMA, owner.projection)
    const positions = new Map(
      [...rebuilt].map(([stream, position]) => [stream, { live: live.get(stream) ?? 0, rebuilt: position }]),
    )
    const behind = [...positions.values()].some(position => position.rebuilt < position.live)
    if (behind || positions.size === 0) return { swapped: false, positions }
    await swap(trx)
    return { swapped: true, positions }
  })
}

async function swap(trx: Transaction<Tables>): Promise<void> {
  await runScript(trx, `drop schema if exists ${REPLACED_SCHEMA} cascade; create schema ${REPLACED_SCHEMA}`)
  const { rows } = await trx.executeQuery(
    CompiledQuery.raw(
      `select relname as name from pg_class where relnamespace = $1::regnamespace and relkind = 'r' order by 1`,
      [REBUILD_SCHEMA],
    ) as CompiledQuery<{ name: string }>,
  )
  for (const { name } of rows) {
    const grants = await grantsOn(trx, name)
    await runScript(trx, `alter table public.${name} set schema ${REPLACED_SCHEMA}`)
    await runScript(trx, `alter table ${REBUILD_SCHEMA}.${name} set schema public`)
    for (const grant of grants) await runScript(trx, grant)
  }
  await runScript(trx, `drop schema ${REPLACED_SCHEMA} cascade; drop schema ${REBUILD_SCHEMA}`)
}

async function lockPositions(
  trx: Transaction<Tables>,
  schema: string,
  projection: string,
): Promise<Map<string, number>> {
  const { rows } = await trx.executeQuery(
    CompiledQuery.raw(
      `select stream, sequence from ${schema}.projection_checkpoints where projection = $1
       order by version, stream for update`,
      [projection],
    ) as CompiledQuery<{ stream: string; sequence: number }>,
  )
  return new Map(rows.map(row => [row.stream, row.sequence]))
}

/** Statements that give a table made anew what others were granted on the old one. */
async function grantsOn(trx: Transaction<Tables>, table: string): Promise<string[]> {
  const { rows } = await trx.executeQuery(
    CompiledQuery.raw(
      `select format('grant %s on public.%I to %I', privilege_type, table_name, grantee) as text
       from information_schema.role_table_grants
       where table_schema = 'public' and table_name = $1 and grantee <> grantor order by 1`,
      [table],
    ) as CompiledQuery<{ text: string }>,
  )
  return rows.map(row => row.text)
}
