import assert from 'node:assert/strict'
import { chownSync, copyFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { loadTls } from '@fluxgate/gateway/testing'
import { migrateToLatest, openDatabase, runScript } from '@fluxgate/read-model'
import {
  createDatabase,
  eventually,
  freePort,
  type NatsServer,
  type PostgresServer,
  startNatsServer,
  startPostgres,
} from '@fluxgate/testing'
import { runCommand } from '../e2e/system.ts'
import { accountsConfig } from '../nats/src/server-config.ts'

/** NATS and Postgres that speak TLS and nothing else, under a certificate that no system knows by itself. */
let directory: string
let nats: NatsServer
let postgres: PostgresServer
let databaseUrl: string
const ca = () => join(directory, 'cert.pem')

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fluxgate-links-'))
  await loadTls(undefined, directory, ['localhost'])
  nats = await startNatsServer({
    config: `${accountsConfig().replaceAll(/\$NATS_PASSWORD_\w+/g, 'secret')}
tls { cert_file: ${JSON.stringify(ca())}, key_file: ${JSON.stringify(join(directory, 'key.pem'))} }`,
  })
  postgres = await startPostgres()
  databaseUrl = await createDatabase(postgres)
  await using db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  if (postgres.kind === 'postgresql') await demandTls(postgres)
})
after(async () => {
  await nats[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/** As in a `postgresql.conf` and a `pg_hba.conf` of one's own; both are read anew by a running server. */
async function demandTls({ url, dataDir }: PostgresServer): Promise<void> {
  await using db = openDatabase(url)
  const { uid, gid } = statSync(dataDir)
  for (const name of ['cert.pem', 'key.pem']) {
    const path = join(dataDir, name)
    copyFileSync(join(directory, name), path)
    chownSync(path, uid, gid)
    await runScript(
      db,
      `alter system set ${name === 'cert.pem' ? 'ssl_cert_file' : 'ssl_key_file'} = '${name}'`,
    )
  }
  await runScript(db, 'alter system set ssl = on')
  writeFileSync(join(dataDir, 'pg_hba.conf'), 'hostssl all all all trust\n')
  await runScript(db, 'select pg_reload_conf()')
  await eventually(async () => {
    await using plain = openDatabase(url)
    await assert.rejects(runScript(plain, 'select 1'), { code: '28000' })
  })
}

const natsUrl = (user: string, port = nats.port) => `tls://${user}:secret@localhost:${port}`
const encrypted = (url: string) => `${url.replace('127.0.0.1', 'localhost')}?sslmode=verify-full`

test('services speak TLS with NATS and Postgres, by their addresses alone', async t => {
  if (postgres.kind === 'pglite') return t.skip('PGlite speaks no TLS')
  const trust = { NODE_EXTRA_CA_CERTS: ca() }
  await using topology = runCommand('infra/nats/src/topology-main.ts', {
    ...trust,
    NATS_URL: natsUrl('topology'),
  })
  await new Promise(resolve => topology.child.once('exit', resolve))
  assert.equal(topology.child.exitCode, 0, topology.output())
  const port = await freePort()
  await using projection = runCommand('services/projection/src/main.ts', {
    ...trust,
    NATS_URL: natsUrl('projection'),
    DATABASE_URL: encrypted(databaseUrl),
    METRICS_PORT: String(port),
  })
  await eventually(
    async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/ready`)
      assert.equal(answer.status, 200, projection.output())
    },
    { timeoutMs: 60_000 },
  )
})

/** In front of a port: how often clients came, and all that they said, as it went over the wire. */
async function listenIn(port: number) {
  let heard = ''
  let clients = 0
  const tap = createServer(client => {
    clients++
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) socket.on('error', () => {})
    client.on('data', bytes => (heard += bytes.toString('latin1')))
    client.pipe(server).pipe(client)
  })
  await new Promise<void>(resolve => tap.listen(0, '127.0.0.1', resolve))
  return {
    port: (tap.address() as AddressInfo).port,
    heard: () => heard,
    clients: () => clients,
    [Symbol.dispose]: () => tap.close(),
  }
}

test('no password is sent to a server without a valid certificate', async () => {
  await using plain = await startNatsServer()
  for (const { port } of [plain, nats]) {
    using tap = await listenIn(port)
    // Without NODE_EXTRA_CA_CERTS: the server of TLS is a stranger too.
    await using topology = runCommand('infra/nats/src/topology-main.ts', {
      NATS_URL: natsUrl('topology', tap.port),
    })
    await eventually(() => tap.clients() > 2 || topology.child.exitCode !== null)
    assert.doesNotMatch(tap.heard(), /CONNECT|secret/)
    assert.doesNotMatch(topology.output(), /are there/)
  }
  if (postgres.kind === 'pglite') return
  await using stranger = openDatabase(encrypted(databaseUrl))
  await assert.rejects(runScript(stranger, 'select 1'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
})
