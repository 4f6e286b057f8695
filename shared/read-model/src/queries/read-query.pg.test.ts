import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createDatabase, type PostgresServer, startPostgres } from '@fluxgate/testing'
import pg from 'pg'
import {
  type Database,
  migrateToLatest,
  openDatabase,
  openQuestions,
  type Questions,
  type QuestionsOptions,
  readViews,
  runScript,
} from '../index.ts'

const LIMITS = { maxRows: 3, maxBytes: 1_000, maxCost: 1_000_000 }
const OPTIONS: QuestionsOptions = { maxConnections: 2, connectTimeoutMs: 10_000, timeoutMs: 2_000 }
/** What one backend of PostgreSQL may have for itself; a fresh one has some 10 MB. */
const BACKEND_BYTES = 256 * 1024 ** 2

for (const kind of [undefined, 'pglite'] as const) {
  describe(`questions in SQL on ${kind ?? 'the best Postgres there is'}`, () => {
    let server: PostgresServer
    let url: string
    let owner: Database
    let questions: Questions
    before(async () => {
      server = await startPostgres(kind ? { kind } : { backendBytes: BACKEND_BYTES })
      url = await createDatabase(server)
      owner = openDatabase(url)
      await migrateToLatest(owner)
      await runScript(
        owner,
        `insert into users (id, email, password_hash, created_at) values ('ann', 'ann@example.com', 'secret', now());
         insert into requests (request_id, user_id, key_id, state, at, model)
         select 'req_' || n, 'ann', 'k', 'completed', now(), 'm' from generate_series(1, 2000) as n;
         create user asker in role fluxgate_mcp_reader`,
      )
      questions = openQuestions(as('asker'), OPTIONS)
    })
    after(async () => {
      await questions[Symbol.asyncDispose]()
      await owner.destroy()
      await server[Symbol.asyncDispose]()
    })
    const as = (user: string) => url.replace('postgres@', `${user}@`)
    const ask = (statement: string, limits = {}) => questions.ask(statement, { ...LIMITS, ...limits })
    const codeOf = async (statement: string) => {
      const answer = await ask(statement)
      if (answer.ok) return JSON.stringify(answer.rows)
      return answer.kind === 'statement' ? answer.code : answer.kind
    }

    test('questions are answered, and long answers are cut by rows and by bytes', async () => {
      const counted = await ask('select count(*) as n from requests -- all')
      assert.deepEqual(counted, { ok: true, rows: [{ n: 2_000 }], cut: false })
      const long = await ask('select request_id from requests order by request_id')
      assert.ok(long.ok && long.cut && long.rows.length === 3)
      const wide = await ask(`select repeat('x', 600) as x from requests limit 2`)
      assert.ok(wide.ok && wide.cut && wide.rows.length === 1)
      const huge = await ask(`select repeat('x', 1000000) as x`)
      assert.ok(huge.ok && huge.cut && huge.rows.length === 0)
    })

    test('every view, and every column of it, is described', async () => {
      const views = await readViews(owner)
      assert.ok(views.length >= 9, `${views.length} views`)
      for (const { name, about, columns } of views) {
        assert.ok(about, name)
        for (const column of columns) assert.ok(column.about, `${name}.${column.name}`)
        assert.equal(await codeOf(`select * from ${name} limit 0`), '[]', name)
      }
    })

    test('the database refuses other tables, writes, files, settings and second statements', async () => {
      const refused = {
        'select * from public.users': '42501',
        'select password_hash from users': '42703',
        'select hash from public.api_keys': '42501',
        'select * from public.sessions': '42501',
        'select * from public.requests': '42501',
        'select rolpassword from pg_authid': '42501',
        'delete from requests returning 1': '42601',
        'with gone as (delete from requests returning 1) select * from gone': '0A000',
        'explain analyze select 1': '42601',
        'copy requests to stdout': '42601',
        'create temp table mine (id int)': '42601',
        'select 1; select 2': '42601',
        'select 1) as q) select 1; drop table x; --': '42601',
        'select * into mine from requests': '42601',
        'select public.make_read_views()': '42501',
        "select pg_read_file('/etc/passwd')": '42501',
        "select lo_import('/etc/passwd')": '42501',
        "select dblink('', 'select 1')": '42883',
      }
      for (const [statement, code] of Object.entries(refused)) {
        assert.equal(await codeOf(statement), code, statement)
      }
      assert.equal((await runScript(owner, 'select 1 from requests')).length, 2_000)
    })

    test('no function leads to another user when the filter is not asked', async () => {
      // The statement of the review, whose comment ended at CR: the role went back and the rest ran as the superuser.
      const review = `select 1 as a --\r, set_config('role','none',true) as r, current_user::text as u`
      assert.match(await codeOf(review), /^(?:42501|\[\{"a":1,"r":"none","u":"asker"\}\])$/)
      for (const setting of ['role', 'session_authorization']) {
        for (const user of ['postgres', 'fluxgate_mcp', 'fluxgate_gateway']) {
          const set = `select set_config('${setting}', '${user}', false) as s, (select count(*) from public.users) as n`
          assert.equal(await codeOf(set), '42501', set)
        }
      }
      const xml = `select query_to_xml('select * from public.users', true, true, '') as x`
      assert.equal(await codeOf(xml), '42501')
    })

    test('what a function sets, locks or makes is gone with its question', async () => {
      const before = await runScript(owner, 'select count(*) as n from pg_largeobject_metadata')
      for (const statement of [
        'select pg_advisory_lock(7)::text as l',
        `select set_config('statement_timeout', '0', false) as s`,
        `select set_config('default_transaction_read_only', 'off', false) as s`,
        `select lo_from_bytea(0, 'x')::text as o`,
        `select pg_notify('mine', 'x')::text as n`,
      ]) {
        // PostgreSQL lets every role call these; PGlite's users may not.
        if (kind === 'pglite') assert.equal(await codeOf(statement), '42501', statement)
        else await ask(statement)
      }
      assert.deepEqual(await runScript(owner, 'select pg_try_advisory_xact_lock(7) as free'), [
        { free: true },
      ])
      assert.deepEqual(await runScript(owner, 'select count(*) as n from pg_largeobject_metadata'), before)
      const settings = await ask(
        `select current_setting('statement_timeout') as t, current_setting('default_transaction_read_only') as r`,
      )
      const timeout = kind === 'pglite' ? '0' : '2s'
      assert.deepEqual(settings, { ok: true, rows: [{ t: timeout, r: 'on' }], cut: false })
    })

    test('a question takes its time limit and no more', async () => {
      const many = await ask('select count(*) from requests a, requests b, requests c, requests d')
      assert.ok(!many.ok && many.kind === 'cost' && many.cost > LIMITS.maxCost)
      assert.equal(await codeOf('select pg_sleep(30)'), kind === 'pglite' ? '42501' : '57014')
    })

    test('a question that needs more memory than a backend may have fails alone', async t => {
      if (server.kind === 'pglite' || process.platform !== 'linux')
        return t.skip('needs a process a connection')
      await using patient = openQuestions(as('asker'), { ...OPTIONS, timeoutMs: 30_000 })
      const long = `repeat('x', 100000000)`
      const answer = await patient.ask(`select length(${long} || ${long}) as n`, LIMITS)
      assert.ok(!answer.ok && answer.kind === 'statement' && answer.code === '53200', JSON.stringify(answer))
      assert.equal(await codeOf('select 1 as n'), '[{"n":1}]')
    })

    test('a user that may do more is not asked as', async () => {
      await runScript(
        owner,
        `create user insider in role fluxgate_mcp_reader, fluxgate_mcp;
         create user clerk in role fluxgate_mcp_reader;
         grant select (id) on users to clerk`,
      )
      for (const user of ['postgres', 'insider', 'clerk']) {
        await using asked = openQuestions(as(user), OPTIONS)
        assert.deepEqual(await asked.ask('select 1 as n', LIMITS), { ok: false, kind: 'rights', user }, user)
      }
    })

    test('PGlite passes its other users nothing but questions', async t => {
      if (server.kind !== 'pglite') return t.skip('of PGlite alone')
      for (const statement of [
        'set session authorization postgres',
        'reset session authorization',
        'select 1; set session authorization postgres',
        'create temp table mine (id int)',
        'do $$ begin end $$',
        'begin',
      ]) {
        // As a simple query, and as a prepared statement.
        for (const values of [[], [1]]) {
          const code = values.length > 0 && statement.startsWith('select') ? '42601' : '42501'
          const client = new pg.Client(as('asker'))
          client.on('error', () => {})
          await client.connect()
          await assert.rejects(client.query(statement, values), { code }, statement)
          await client.end()
        }
      }
      assert.deepEqual(await runScript(owner, 'select session_user::text as u'), [{ u: 'postgres' }])
    })
  })
}
