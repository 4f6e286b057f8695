import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type OutgoingEvent, STREAMS } from '@fluxgate/contracts'
import { verify } from '@fluxgate/forensics'
import type { NatsLink } from '@fluxgate/nats'
import { openDatabase, runScript, type Tables } from '@fluxgate/read-model'
import type { Transaction } from 'kysely'
import { log, type ProjectedLog, projectedLog } from '../test/projected-log.ts'
import { refusals, workload } from '../test/workload.ts'
import { besideFolded, compareTables } from './compare.nats.ts'
import type { ProjectionConfig } from './config.ts'
import { BOOKKEEPING, compareTable, foldedTables } from './tables/compare.pg.ts'

/** How a value of a type is changed; a column of a type that is not here fails the test. */
const CHANGES: Readonly<Record<string, (column: string) => string>> = {
  text: column => `coalesce(${column}, '') || 'x'`,
  bigint: column => `coalesce(${column}, 0) + 1`,
  integer: column => `coalesce(${column}, 0) + 1`,
  smallint: column => `coalesce(${column}, 0) + 1000`,
  'double precision': column => `coalesce(${column}, 0) + 1`,
  boolean: column => `not coalesce(${column}, false)`,
  jsonb: column => `jsonb_build_object('changed', ${column})`,
  'timestamp with time zone': column => `coalesce(${column}, now()) + interval '1 second'`,
}

interface Column {
  readonly name: string
  readonly type: string
}

async function columnsOf(trx: Transaction<Tables>, table: string): Promise<Column[]> {
  return (await runScript(
    trx,
    `select column_name as name, data_type as type from information_schema.columns
     where table_schema = 'public' and table_name = '${table}' order by ordinal_position`,
  )) as Column[]
}

/** Does something to the live tables, looks, and takes it back. */
async function undone<T>(trx: Transaction<Tables>, change: string, look: () => Promise<T>): Promise<T> {
  await runScript(trx, 'savepoint mutation')
  try {
    await runScript(trx, change)
    return await look()
  } finally {
    await runScript(trx, 'rollback to savepoint mutation')
  }
}

describe('the projected tables and the log', () => {
  const events: OutgoingEvent[] = [...workload({ requests: 150, users: 8 }), ...refusals(3)]
  let projected: ProjectedLog
  let config: ProjectionConfig
  let link: NatsLink

  before(async () => {
    projected = await projectedLog(events)
    ;({ config, link } = projected)
  })
  after(() => projected[Symbol.asyncDispose]())

  it('are equal when nothing was changed, and the comparison leaves nothing behind', async () => {
    const { differences, compared } = await compareTables(config, log)
    assert.deepEqual(differences, [])
    assert.ok(compared.length > 10, compared.join())
    await using db = openDatabase(config.databaseUrl)
    assert.deepEqual(
      await runScript(db, `select nspname from pg_namespace where nspname like 'projection%'`),
      [],
    )
  })

  it('differ when any column of any table is changed, or any row is missing, and the comparison names it', async t => {
    await besideFolded(config, log, async trx => {
      const tables = await foldedTables(trx)
      let mutations = 0
      for (const table of tables) {
        const [{ rows }] = (await runScript(trx, `select count(*)::integer as rows from ${table}`)) as [
          { rows: number },
        ]
        assert.ok(rows > 0, `the workload has a row in ${table}`)
        // What the database itself forbids is tried all the same.
        const checks = (await runScript(
          trx,
          `select conname as name from pg_constraint where conrelid = 'public.${table}'::regclass and contype = 'c'`,
        )) as Array<{ name: string }>
        const without = checks.map(({ name }) => `alter table ${table} drop constraint ${name};`).join(' ')
        const row = `(select tableoid, ctid from ${table} order by ctid limit 1)`
        const removed = await undone(trx, `delete from ${table} where (tableoid, ctid) = ${row}`, () =>
          compareTable(trx, table),
        )
        assert.deepEqual(
          removed.map(({ kind }) => kind),
          ['missing'],
          `a row of ${table}`,
        )
        for (const { name, type } of await columnsOf(trx, table)) {
          const change = CHANGES[type]
          assert.ok(change, `${table}.${name} has type ${type}: say above how it is changed`)
          const statement = `${without} update ${table} set ${name} = ${change(name)} where (tableoid, ctid) = ${row}`
          const found = await undone(trx, statement, () => compareTable(trx, table))
          const isNamed = found.some(({ kind, columns }) => kind !== 'changed' || columns.includes(name))
          assert.ok(isNamed, `${table}.${name}: ${JSON.stringify(found)}`)
          mutations++
        }
      }
      t.diagnostic(`${mutations} columns of ${tables.length} tables; not compared: ${BOOKKEEPING.join(', ')}`)
    })
  })

  for (const stream of Object.values(STREAMS)) {
    it(`differ from the stored events when a message of ${stream} is deleted or doubled, and verify names it`, async () => {
      const reported = await projected.messagesOf(stream)
      assert.ok(reported.length > 0, `the workload has messages in ${stream}`)
      const offences = async () => {
        const { offenders } = await verify(link, { range: {}, nowMs: Date.now() })
        return offenders.filter(({ places }) => places.some(place => place.stream === stream))
      }
      assert.deepEqual(await offences(), [])
      for (const position of new Set([0, Math.floor(reported.length / 2), reported.length - 1])) {
        await projected.refill(stream, reported)
        await link.manager.streams.deleteMessage(stream, position + 1)
        const deleted = await offences()
        assert.ok(
          deleted.some(
            ({ offence, places }) =>
              offence === 'deleted_from_stream' && places[0]?.sequence === position + 1,
          ),
          `${stream}:${position + 1} deleted: ${JSON.stringify(deleted)}`,
        )
        await projected.refill(stream, [...reported, reported[position]!])
        const doubled = await offences()
        assert.ok(
          doubled.some(({ offence }) => offence === 'stored_twice'),
          `${stream}:${position + 1} doubled: ${JSON.stringify(doubled)}`,
        )
      }
      await projected.refill(stream, reported)
      assert.deepEqual(await offences(), [])
    })
  }
})
