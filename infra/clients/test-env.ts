import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { startGateway } from '@fluxgate/gateway'
import { readGatewayConfig } from '@fluxgate/gateway/config'
import { connectNats, replay } from '@fluxgate/nats'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import { createDatabase, SESSION_KEYS, testNats, testPostgres } from '@fluxgate/testing'
import { type Simulator, startSimulator } from '../local/src/simulator/simulator.ts'

const ADMIN_TOKEN = 'admin-token-for-tests'
const ROOM = { capacity: 10_000_000, refill_rate: 1_000_000 }

/** A real gateway before the model simulator. */
export interface TestEnv extends AsyncDisposable {
  readonly simulator: Simulator
  readonly origin: string
  newKey(user: string): Promise<{ key: string; identity: string }>
  admin(path: string, body: object): Promise<Record<string, string>>
  facts(stream: 'REQUESTS' | 'TOKENS'): Promise<FluxgateEvent[]>
}

export async function startTestEnv(): Promise<TestEnv> {
  await using stack = new AsyncDisposableStack()
  const log = createLog('gateway', 'silent')
  const dataDir = await mkdtemp(join(tmpdir(), 'fluxgate-clients-'))
  stack.defer(() => rm(dataDir, { recursive: true, force: true }))
  const nats = stack.use(await testNats())
  const postgres = stack.use(await testPostgres())
  const databaseUrl = await createDatabase(postgres)
  const db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  await db.destroy()
  const simulator = stack.use(
    await startSimulator({ repeatable: true, latencyMs: 0, tokensPerSecond: 0, answerTokens: 40 }),
  )
  const env = {
    NODE_ID: 'clients',
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
    ADMIN_TOKEN,
    DOWNSTREAM_AI_URLS: simulator.url,
    PUBLIC_HOST: '127.0.0.1',
    PUBLIC_PORT: '0',
    ADMIN_PORT: '0',
    TLS: 'off',
    FLUXGATE_DATA_DIR: dataDir,
    // A busy machine is no reason to refuse a call or to estimate an answer here.
    MAX_LOOP_DELAY: '0',
    COUNT_DEADLINE: '20s',
    // The simulator's directives.
    FORWARD_HEADERS: 'x-simulator',
  }
  const gateway = stack.use(await startGateway(readConfig(env, readGatewayConfig), log))
  const admin = async (path: string, body: object) => {
    const response = await fetch(`http://127.0.0.1:${gateway.adminPort}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Record<string, string>
  }
  const owned = stack.move()
  return {
    simulator,
    origin: `http://127.0.0.1:${gateway.publicPort}`,
    admin,
    async newKey(user) {
      const { key = '', id } = await admin('/admin/keys/generate', { user_id: user })
      const identity = `${user}.${id}`
      await admin('/admin/rate_limit', { identifier: identity, ...ROOM })
      return { key, identity }
    },
    async facts(stream) {
      await using link = await connectNats({ url: nats.url, name: 'test' }, log)
      const found: FluxgateEvent[] = []
      for await (const batch of replay(link, { stream, from: 'first' })) {
        for (const { event } of batch.events) found.push(event)
      }
      return found
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
