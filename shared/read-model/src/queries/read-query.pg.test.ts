import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createDatabase, type PostgresServer, startPostgres } from '@fluxgate/testing'
import { type Database, migrateToLatest, openDatabase, readQuery, readViews, runScript } from '../index.ts'

const LIMITS = { maxRows: 3, maxBytes: 1_000, timeoutMs: 300, maxCost: 1_000_000 }

for (const kind of [undefined, 'pglite'] as const) {
  describe(`questions in SQL, on ${kind ?? 'the best Postgres there is'}`, () => {
    let server: PostgresServer
    let url: string
    let owner: Database
    let reader: Database
    before(async () => {
      server = await startPostgres(kind ? { kind } : {})
      url = await createDatabase(server)
      owner = openDatabase(url)
      await migrateToLatest(owner)
      await runScript(
        owner,
        `insert into users (id, email, password_hash, created_at) values ('ann', 'ann@example.com', 'secret', now());
         insert into requests (request_id, user_id, key_id, state, at, model)
         select 'req_' || n, 'ann', 'k', 'completed', now(), 'm' from generate_series(1, 2000) as n`,
      )
      // PGlite has one user; there the role is taken on.
      if (server.kind === 'postgresql')
        await runScript(owner, 'create user asker in role fluxgate_mcp_reader')
      reader = openDatabase(server.kind === 'postgresql' ? url.replace('postgres@', 'asker@') : url, {
        ...{ max: 2, readOnly: true },
      })
    })
    after(async () => {
      await reader.destroy()
      await owner.destroy()
      await server[Symbol.asyncDispose]()
    })
    const ask = (statement: string, limits = {}) => readQuery(reader, statement, { ...LIMITS, ...limits })

    test('answers a question, and cuts long answers by rows and by bytes', async () => {
      assert.deepEqual(await ask('select count(*) as n from requests -- all'), {
        ...{ ok: true, rows: [{ n: 2_000 }], cut: false },
      })
      const long = await ask('select request_id from requests order by request_id')
      assert.ok(long.ok && long.cut && long.rows.length === 3)
      const wide = await ask(`select repeat('x', 600) as x from requests limit 2`)
      assert.ok(wide.ok && wide.cut && wide.rows.length === 1)
      const huge = await ask(`select repeat('x', 1000000) as x`)
      assert.ok(huge.ok && huge.cut && huge.rows.length === 0)
    })

    test('every view, and every column of it, is described', async () => {
      const views = await readViews(reader)
      assert.ok(views.length >= 9, `${views.length} views`)
      for (const { name, about, columns } of views) {
        assert.ok(about, name)
        for (const column of columns) assert.ok(column.about, `${name}.${column.name}`)
        const rows = await ask(`select * from ${name} limit 0`)
        assert.ok(rows.ok, name)
      }
    })

    test('Postgres itself refuses all else: other tables, writes, second statements', async () => {
      const refused = {
        'select * from public.users': '42501',
        'select password_hash from users': '42703',
        'select hash from public.api_keys': '42501',
        'select * from public.sessions': '42501',
        'select * from public.requests': '42501',
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
        "select set_config('role', 'postgres', true), count(*) from public.users": '42501',
      }
      for (const [statement, code] of Object.entries(refused)) {
        const answer = await ask(statement)
        assert.ok(!answer.ok, statement)
        assert.equal(answer.kind === 'statement' && answer.code, code, statement)
      }
      assert.equal((await runScript(owner, 'select 1 from requests')).length, 2_000)
    })

    test('what would take long is not begun', async () => {
      const answer = await ask('select count(*) from requests a, requests b, requests c, requests d')
      assert.ok(!answer.ok && answer.kind === 'cost' && answer.cost > LIMITS.maxCost)
    })

    test('what does take long is ended', async t => {
      if (server.kind === 'pglite') return t.skip('PGlite cancels nothing')
      const answer = await ask('select pg_sleep(30)')
      assert.ok(!answer.ok && answer.kind === 'statement' && answer.code === '57014')
    })

    test('a connection goes back as it came', async () => {
      const settings = () =>
        runScript(
          reader,
          `select current_setting('role') as role, current_setting('search_path') as path,
             current_setting('statement_timeout') as timeout`,
        )
      const before = await settings()
      await ask('select 1')
      await ask('select no_such_column')
      assert.deepEqual(await settings(), before)
    })
  })
}
