import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BUCKETS, STREAMS } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type NatsLink, replayStored } from '@fluxgate/nats'
import { type Projection, startProjection } from '@fluxgate/projection'
import { readProjectionConfig } from '@fluxgate/projection/config'
import { naiveFold, readTables, workload } from '@fluxgate/projection/testing'
import { asOf, migrateToLatest, openDatabase, runScript } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import {
  createDatabase,
  eventually,
  type NatsServer,
  type PostgresServer,
  startNatsServer,
  startPostgres,
} from '@fluxgate/testing'
import { runVerify } from '../../chaos/src/verify-command.ts'
import { accountsConfig } from '../../nats/src/index.ts'
import { MANIFEST_FILE, readManifest } from './manifest.ts'

const log = createLog('operate', 'silent')
const DURABLE = 'incident-reporter-print'
const RETAINED = [...Object.values(STREAMS), `KV_${BUCKETS.throttles}`, `KV_${BUCKETS.policy}`]
const events = workload({ requests: 1_500, users: 40, startMs: Date.now() - 600_000 })
/** Projected before the backup, after it was begun with, and after the restore. */
const [early, late, later] = [events.slice(0, 3_000), events.slice(3_000, 4_000), events.slice(4_000)]

let stack: AsyncDisposableStack
let postgres: PostgresServer
let directory: string
let folder: string

before(async () => {
  stack = new AsyncDisposableStack()
  postgres = stack.use(await startPostgres())
  directory = await mkdtemp(join(tmpdir(), 'fluxgate-backup-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  folder = join(directory, 'backup')
})
after(() => stack.disposeAsync())

/** A server with the users of production; `url` is the operator's. */
async function startLog(): Promise<NatsServer & { readonly operatorUrl: string }> {
  const server = stack.use(
    await startNatsServer({ config: accountsConfig().replaceAll(/\$NATS_PASSWORD_\w+/g, 'secret') }),
  )
  return Object.assign(server, { operatorUrl: `nats://operator:secret@127.0.0.1:${server.port}` })
}

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

function run(
  name: 'backup' | 'restore',
  args: readonly string[],
  env: Record<string, string>,
): Promise<Ended> {
  const main = fileURLToPath(new URL(`./${name}.ts`, import.meta.url))
  return new Promise(done => {
    execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', main, ...args],
      { env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env } },
      (error, out, err) => done({ code: error ? Number(error.code) : 0, out, err }),
    )
  })
}

async function publish(link: NatsLink, outgoing: typeof events): Promise<void> {
  await using publisher = new EventPublisher(link)
  for (const event of outgoing) publisher.append(event)
  await publisher.flush()
}

async function projected(natsUrl: string, databaseUrl: string, link: NatsLink): Promise<Projection> {
  const env = { DATABASE_URL: databaseUrl, NATS_URL: natsUrl, PROJECTION_LAG_EVERY: '100ms' }
  const projection = await startProjection(readConfig(env, readProjectionConfig), log)
  for (const stream of Object.values(STREAMS)) {
    const { state } = await link.manager.streams.info(stream)
    await eventually(() => projection.positionOf(stream) >= state.last_seq)
  }
  return projection
}

/** Stream → its ends, and a hash over place, subject and bytes of each message. */
async function contents(link: NatsLink): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const stream of RETAINED) {
    const { state } = await link.manager.streams.info(stream)
    const hash = createHash('sha256')
    let read = 0
    for await (const messages of replayStored(link, { stream, from: 'first' })) {
      for (const { sequence, subject, data, storedAtMs } of messages) {
        read++
        hash.update(`${sequence} ${subject} ${storedAtMs} `).update(data)
      }
    }
    const { messages, last_seq } = state
    // Of a stream that never had a message, a server says 0 when it made it and 1 when it restored it.
    const first_seq = messages === 0 ? last_seq + 1 : state.first_seq
    found[stream] = { messages, first_seq, last_seq, read, hash: hash.digest('hex') }
  }
  const consumer = await link.manager.consumers.info(STREAMS.incidents, DURABLE)
  return { ...found, durable: [consumer.ack_floor.stream_seq, consumer.config.filter_subject] }
}

describe('backup and restore', () => {
  let databaseUrl: string
  let saved: Record<string, unknown>
  let checkpoints: Awaited<ReturnType<typeof asOf>>

  it('the log and the tables are written to a folder while the system runs', async t => {
    if (postgres.kind !== 'postgresql') return t.skip('no PostgreSQL here, so no pg_dump either')
    const nats = await startLog()
    databaseUrl = await createDatabase(postgres)
    await using link = await connectNats({ url: nats.operatorUrl, name: 'test' }, log)
    await ensureTopology(link)
    await using db = openDatabase(databaseUrl)
    await migrateToLatest(db)
    await runScript(
      db,
      "insert into users (id, email, password_hash, role, tier, created_at) values ('u1', 'ada@example.org', 'x', 'developer', 'pro', now())",
    )
    await publish(link, early)
    await (await projected(nats.operatorUrl, databaseUrl, link))[Symbol.asyncDispose]()
    checkpoints = await asOf(db)
    // The projection is behind when the backup is made.
    await publish(link, late)
    await link.jetstream.publish('$KV.throttles.ada.k1', '{"until":1}')
    for (const value of ['{"one":1}', '{"two":2}']) await link.jetstream.publish('$KV.policy.guard', value)
    await link.jetstream.publish('$KV.nodes.gw-1', '{}')
    await link.manager.consumers.add(STREAMS.incidents, {
      durable_name: DURABLE,
      filter_subject: 'fluxgate.incidents.opened.>',
      ack_policy: 'explicit' as never,
    })
    const consumer = await link.jetstream.consumers.get(STREAMS.incidents, DURABLE)
    await (await consumer.next())!.ackAck()
    saved = await contents(link)

    const env = { NATS_URL: nats.operatorUrl, DATABASE_URL: databaseUrl }
    const ended = await run('backup', [folder], env)
    assert.equal(ended.code, 0, ended.err)
    assert.match(ended.out, /REQUESTS: to [\d,]+, .* MiB\n/)
    const again = await run('backup', [folder], env)
    assert.deepEqual([again.code, again.err], [1, `backup: ${folder} is not empty\n`])
    // Gone, with all that it held.
    await nats.stop('SIGKILL')
  })

  it('come back on new servers: every message in its place, and the projection goes on where it was', async t => {
    if (postgres.kind !== 'postgresql') return t.skip('no PostgreSQL here, so no pg_dump either')
    const nats = await startLog()
    const newUrl = await createDatabase(postgres)
    const env = { NATS_URL: nats.operatorUrl, DATABASE_URL: newUrl }
    await using link = await connectNats({ url: nats.operatorUrl, name: 'test' }, log)
    // Compose and k8s make the empty streams and tables before anybody can restore.
    await ensureTopology(link)
    await using db = openDatabase(newUrl)
    await migrateToLatest(db)
    const ended = await run('restore', [folder], env)
    assert.equal(ended.code, 0, ended.err)
    assert.deepEqual(await contents(link), saved)
    assert.deepEqual(await asOf(db), checkpoints)
    assert.deepEqual(await runScript(db, 'select email from users'), [{ email: 'ada@example.org' }])

    const replaced = await run('restore', [folder], env)
    assert.equal(replaced.code, 1)
    assert.match(replaced.err, /REQUESTS.*Postgres would be replaced: say so by --replace/)
    const forced = await run('restore', [folder, '--replace'], env)
    assert.equal(forced.code, 0, forced.err)
    assert.deepEqual(await contents(link), saved)

    // Nothing is folded twice and nothing left out: the tables are those of the whole log.
    await publish(link, later)
    await (await projected(nats.operatorUrl, newUrl, link))[Symbol.asyncDispose]()
    assert.deepEqual(await readTables(db), naiveFold(events))
    const verified = await runVerify(nats.operatorUrl, newUrl)
    assert.deepEqual([verified.offenders, verified.holds, verified.notCompared], [[], true, 0])
    // What each role may do came back with the tables.
    const [right] = await runScript(
      db,
      `select has_table_privilege('fluxgate_projection', 'requests', 'insert') as writes,
              has_table_privilege('fluxgate_mcp', 'requests', 'insert') as mcp_writes,
              has_schema_privilege('fluxgate_mcp', 'public', 'usage') as enters`,
    )
    assert.deepEqual(right, { writes: true, mcp_writes: false, enters: true })
  })

  it('a folder that is damaged or unfinished is refused before anything is touched', async t => {
    if (postgres.kind !== 'postgresql') return t.skip('no PostgreSQL here, so no pg_dump either')
    const file = join(folder, 'TOKENS.tar.s2')
    const bytes = await readFile(file)
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(file, bytes)
    // Nobody listens there: the files are looked at first.
    const env = { NATS_URL: 'nats://127.0.0.1:1', DATABASE_URL: databaseUrl }
    const damaged = await run('restore', [folder], env)
    assert.equal(damaged.code, 1)
    assert.match(damaged.err, /TOKENS\.tar\.s2 is damaged/)
    await writeFile(file, bytes.subarray(1))
    await assert.rejects(readManifest(folder), /has \d+ bytes, and had \d+/)
    await rm(join(folder, MANIFEST_FILE))
    await assert.rejects(readManifest(folder), /this is no finished backup/)
    const [nothing, unknown] = [await run('restore', [], env), await run('backup', [folder, '--x'], env)]
    assert.deepEqual([nothing.code, unknown.code], [2, 2])
    assert.match(nothing.err, /npm run fluxgate -- restore <folder>/)
  })
})
