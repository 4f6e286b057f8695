import { join } from 'node:path'
import { connectNats, type NatsLink } from '@fluxgate/nats'
import { openDatabase, requestTotals } from '@fluxgate/read-model'
import { freePort, type NatsServer } from '@fluxgate/testing'
import { sql } from 'kysely'
import type { GatewayProcess } from '../proxy/gateway-process.ts'
import { startProcess } from '../proxy/process.ts'
import type { TestEnv } from '../proxy/test-env.ts'

const PROJECTION = join(import.meta.dirname, '../../../services/projection/src/main.ts')
const CALLERS = 32
const DRAIN_MS = 500
const DRAIN_LIMIT_MS = 120_000

/** Bytes that one plain request takes: in the spool while NATS is away, in JetStream's files, and in Postgres. */
export async function measureSizes(
  gateway: GatewayProcess,
  { nats, databaseUrl }: Pick<TestEnv, 'nats' | 'databaseUrl'>,
  body: string,
  requests: number,
) {
  await using link = await connectNats({ url: nats.url, name: 'bench' }, silent)
  const spoolBefore = await drained(gateway)
  await nats.stop()
  const unsent = Math.ceil(requests / 10)
  await callAll(gateway, unsent, body)
  const spool = ((await gateway.metric('fluxgate_spool_bytes')) - spoolBefore) / unsent
  await nats.start()
  await drained(gateway)

  const before = await streamBytes(link)
  await callAll(gateway, requests, body)
  await drained(gateway)
  const jetStream = ((await streamBytes(link)) - before) / requests
  return { spool, jetStream, postgres: await postgresBytes(link, nats, databaseUrl) }
}

/** Of all requests in the log, projected into fresh tables: tables, indexes and TOAST of every projection. */
async function postgresBytes(link: NatsLink, nats: NatsServer, databaseUrl: string): Promise<number> {
  await using db = openDatabase(databaseUrl)
  const size = async () => {
    const { rows } = await sql<{
      bytes: string
    }>`select pg_database_size(current_database()) as bytes`.execute(db)
    return Number(rows[0]!.bytes)
  }
  const before = await size()
  const port = await freePort()
  const args = ['--disable-warning=ExperimentalWarning', PROJECTION]
  const env = {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    METRICS_PORT: String(port),
    LOG_LEVEL: 'error',
  }
  await using _projection = await startProcess(process.execPath, args, port, env)
  const admitted = await admittedIn(link)
  await until(async () => (await requestTotals(db)).settled >= admitted)
  return ((await size()) - before) / admitted
}

async function admittedIn(link: NatsLink): Promise<number> {
  const { state } = await link.manager.streams.info('REQUESTS', {
    subjects_filter: 'fluxgate.requests.*.admitted.>',
  })
  return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0)
}

async function streamBytes(link: NatsLink): Promise<number> {
  let bytes = 0
  for (const name of ['REQUESTS', 'TOKENS']) bytes += (await link.manager.streams.info(name)).state.bytes
  return bytes
}

/** Waits until the node has nothing left to publish. @returns the bytes that its spool still has */
async function drained(gateway: GatewayProcess): Promise<number> {
  await until(async () => (await gateway.metric('fluxgate_events_buffered')) === 0)
  return gateway.metric('fluxgate_spool_bytes')
}

async function callAll(gateway: GatewayProcess, requests: number, body: string): Promise<void> {
  let left = requests
  const { url, headers } = gateway
  const caller = async () => {
    while (left-- > 0) {
      const response = await fetch(url, { method: 'POST', headers, body })
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
      await response.arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + DRAIN_LIMIT_MS
  while (!(await done())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${DRAIN_LIMIT_MS} ms`)
    await new Promise(resolve => setTimeout(resolve, DRAIN_MS))
  }
}

const silent = { info() {}, warn() {}, error: console.error }
