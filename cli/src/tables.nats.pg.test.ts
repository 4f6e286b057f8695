import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { asOf, type Database, migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createDatabase, eventually, type PostgresServer, testPostgres } from '@fluxgate/testing'
import { startTestCli, type TestEnv, whole } from './test-cli.ts'

const PROJECTION = fileURLToPath(new URL('../../services/projection/src/main.ts', import.meta.url))

describe('the log and its tables', () => {
  let testCli: TestEnv
  let postgres: PostgresServer
  let db: Database
  let env: Record<string, string>
  const stack = new AsyncDisposableStack()

  before(async () => {
    testCli = stack.use(await startTestCli())
    postgres = stack.use(await testPostgres())
    const databaseUrl = await createDatabase(postgres)
    db = openDatabase(databaseUrl, { max: 2 })
    stack.defer(() => db.destroy())
    await migrateToLatest(db)
    env = { NATS_URL: testCli.nats.url, DATABASE_URL: databaseUrl }
    for (let n = 0; n < 40; n++)
      await testCli.publish(whole(`req_table_${n}`, Date.now(), n % 2 ? 'ada' : 'bob'))
    const projection = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROJECTION], {
      env: { PATH: process.env.PATH, ...env },
      stdio: 'ignore',
    })
    stack.defer(async () => {
      const ended = once(projection, 'exit')
      if (projection.exitCode === null && projection.kill()) await ended
    })
    await untilProjected()
  })
  after(() => stack.disposeAsync())

  async function untilProjected(): Promise<void> {
    const { state } = await testCli.link.manager.streams.info('TOKENS')
    await eventually(
      async () =>
        (await asOf(db)).some(({ stream, sequence }) => stream === 'TOKENS' && sequence >= state.last_seq),
      { timeoutMs: 60_000 },
    )
  }

  async function verified() {
    const told = await testCli.run(['verify', '--json'], env)
    const lines = told.json()
    const offenders = lines.filter(({ kind }) => kind === 'offender')
    return { code: told.code, offenders, verdict: lines.at(-1) }
  }

  test('verify finds the same settlements in both', async () => {
    const { code, offenders, verdict } = await verified()
    assert.deepEqual([code, offenders], [0, []])
    const { inLog, inTables, notCompared } = verdict.projected
    assert.deepEqual([inTables, notCompared], [inLog, 0])
    const { settled, promptTokens, completionTokens, totalTokens } = inLog
    assert.deepEqual([settled, promptTokens, completionTokens, totalTokens], [40, 40 * 3, 40 * 30, 40 * 33])
    const page = await testCli.run(['verify'], env)
    assert.match(page.lines.join('\n'), /tables: 40 settlements of 1,320 tokens, the log: 40 of 1,320/)
  })

  test('verify names the requests that the tables tell otherwise, and rebuild puts them right', async () => {
    await db
      .updateTable('requests')
      .set({ total_tokens: 34 })
      .where('request_id', '=', 'req_table_7')
      .execute()
    await db.deleteFrom('requests').where('request_id', '=', 'req_table_8').execute()
    await db
      .updateTable('requests')
      .set({ reasoning_tokens: 1, cost_micros: 1 })
      .where('request_id', '=', 'req_table_9')
      .execute()
    const broken = await verified()
    assert.equal(broken.code, 1)
    assert.deepEqual(
      broken.offenders.map(({ offence, identity, request, detail }) => [offence, identity, request, detail]),
      [
        ['projected_otherwise', 'ada.k1', 'req_table_7', 'totalTokens 33 in the log, 34 in the tables'],
        [
          ...['projected_otherwise', 'ada.k1', 'req_table_9'],
          'reasoningTokens 0 in the log, 1 in the tables; costMicros 0 in the log, 1 in the tables',
        ],
        ['projected_otherwise', 'bob.k1', 'req_table_8', '33 tokens settled in the log, none in the tables'],
      ],
    )
    const rebuilt = await testCli.run(['rebuild', '--json'], { ...env, PATH: process.env.PATH ?? '' })
    // A slow machine sees its progress, an old server a warning; nothing else is said.
    const said = rebuilt.errors.split(/[\r\n]+/).filter(line => line !== '')
    assert.ok(
      said.every(line => /^forensics: rebuilding |nats-server/.test(line)),
      rebuilt.errors,
    )
    assert.deepEqual([rebuilt.code, rebuilt.json()], [0, [{ kind: 'rebuilt', messages: 120 }]])
    assert.deepEqual([(await verified()).code, (await verified()).offenders], [0, []])
  })

  test('verify tells of a log that has lost what the tables hold', async () => {
    await testCli.publish(whole('req_table_last', Date.now()))
    await untilProjected()
    await db
      .updateTable('projection_checkpoints')
      .set({ sequence: 9_999 })
      .where('stream', '=', 'AUTH')
      .execute()
    const { code, offenders } = await verified()
    assert.equal(code, 1)
    assert.match(offenders[0].detail, /the tables hold AUTH up to 9999, and it ends at 0: its end was lost/)
  })

  test('tables that are away are reported as such', async () => {
    const url = new URL(env.DATABASE_URL!)
    url.port = '1'
    const away = await testCli.run(['verify'], { ...env, DATABASE_URL: url.href })
    assert.equal(away.code, 3)
    assert.match(away.errors, /the tables cannot be read: /)
  })
})
