import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createDatabase, freePort, type NatsServer, startNatsServer, startPostgres } from '@fluxgate/testing'
import { type GatewayProcess, type GatewaySettings, startGatewayProcess } from './gateway-process.ts'
import { type Process, startProcess } from './process.ts'

/** A log, a database with its tables, and a folder, for gateway nodes that are measured. */
export interface TestEnv extends AsyncDisposable {
  readonly nats: NatsServer
  readonly databaseUrl: string
  readonly directory: string
  /** A node on this stand, before this model server; it ends with the stand. */
  gateway(upstream: string, settings?: Partial<GatewaySettings>): Promise<GatewayProcess>
  /** Fastify and undici with nothing between them. */
  bareProxy(
    upstream: string,
  ): Promise<{ readonly port: number; readonly url: string; readonly process: Process }>
}

export async function startTestEnv(): Promise<TestEnv> {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-bench-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const nats = stack.use(await startNatsServer())
  const postgres = stack.use(await startPostgres())
  const databaseUrl = await createDatabase(postgres)
  {
    await using db = openDatabase(databaseUrl)
    await migrateToLatest(db)
  }
  const processes = stack.use(new AsyncDisposableStack())
  let nodes = 0
  const owned = stack.move()
  return {
    nats,
    databaseUrl,
    directory,
    async gateway(upstream, settings = {}) {
      const node = settings.node ?? `bench-${++nodes}`
      const env = {
        NATS_URL: nats.url,
        DATABASE_URL: databaseUrl,
        DOWNSTREAM_AI_URLS: upstream,
        ...settings.env,
      }
      return processes.use(await startGatewayProcess({ directory, ...settings, node, env }))
    },
    async bareProxy(upstream) {
      const port = await freePort()
      const main = join(import.meta.dirname, 'bare-proxy-main.ts')
      const args = ['--disable-warning=ExperimentalWarning', main, String(port), upstream]
      const child = processes.use(await startProcess(process.execPath, args, port))
      return { port, url: `http://127.0.0.1:${port}/v1/chat/completions`, process: child }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
