import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkStatement } from './statement.ts'

test('questions pass', () => {
  for (const sql of [
    'select 1',
    'SELECT count(*) FROM requests;',
    "with slow as (select * from requests where at > now() - interval '1 day') select model, avg(duration_ms) from slow group by model",
    "select percentile_cont(0.95) within group (order by duration_ms) filter (where state = 'completed') from requests -- p95",
    'select date_trunc(\'hour\', at) as "set", sum(total_tokens) over (order by at) from requests',
    "select 'delete; pg_sleep(1) /* it''s text */' as words",
    '(select 1) union all (select 2)',
    'values (1), (2)',
    "select numbers ->> 'tokens', round(1.5::numeric(10, 2)) from incidents",
  ]) {
    assert.deepEqual(checkStatement(sql), { ok: true, statement: sql.replace(/;$/, '') }, sql)
  }
})

test('all else is refused before Postgres sees it', () => {
  for (const sql of [
    'select 1; select 2',
    "copy requests to '/tmp/x'",
    "copy requests from program 'id'",
    'select pg_sleep(10)',
    'select PG_SLEEP (10)',
    'select "pg_sleep"(10)',
    'select pg_catalog.pg_sleep(10)',
    "select pg_read_file('/etc/passwd')",
    "select set_config('statement_timeout', '0', false)",
    "select current_setting('data_directory')",
    "select lo_import('/etc/passwd')",
    'select lo_create(1)',
    "select dblink('host=x', 'select 1')",
    "select nextval('s')",
    "select query_to_xml('select 1', true, true, '')",
    "select repeat('x', 1000000000)",
    'select * from generate_series(1, 1000000000)',
    'with gone as (delete from requests returning *) select * from gone',
    'with recursive r as (select 1 union all select 1 from r) select * from r',
    'explain analyze delete from requests',
    'create temp table t (id int)',
    'select * into t from requests',
    'select * from requests for update',
    'select * from pg_stat_activity',
    'select * from "pg_authid"',
    'select * from information_schema.tables',
    "select 'requests'::regclass",
    'set role postgres',
    'reset role',
    'do $$ begin end $$',
    'select $$x$$',
    "select E'\\'' || pg_sleep(1) || '",
    "select U&'x'",
    'select 1 /* hidden */',
    "select 'open",
    'select "open',
    'select 1) as q; drop table requests; --',
    `select ${'('.repeat(60)}1${')'.repeat(60)}`,
    'select (1',
    'update requests set state = state',
    '',
  ]) {
    assert.equal(checkStatement(sql).ok, false, sql)
  }
})

test('a question is judged in time that grows with its length', () => {
  const began = performance.now()
  for (const sql of [
    `select ${"'a''".repeat(2_000)}`,
    `select ${'-'.repeat(8_000)}`,
    `select ${'"a""'.repeat(2_000)}`,
  ])
    checkStatement(sql)
  assert.ok(performance.now() - began < 5_000)
})
