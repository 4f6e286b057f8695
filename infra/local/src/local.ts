import { join } from 'node:path'
import { migrate } from '@fluxgate/postgres'
import { ConfigError, type Environment } from '@fluxgate/runtime'
import { freePort } from '@fluxgate/testing'
import {
  markerOf,
  postgresChild,
  RANK,
  SERVICES,
  type Service,
  serviceChild,
  simulatorChild,
} from './children.ts'
import type { LocalConfig } from './config.ts'
import { type Connection, writeConnection } from './connection.ts'
import { claimDataDirectory } from './data-directory.ts'
import { demoKey } from './demo-key.ts'
import { ProcessBook } from './leftovers.ts'
import { chooseModels, type Models } from './models.ts'
import { natsChild, requireNatsServer } from './nats-child.ts'
import { portFaults, portUses, resolvePorts } from './ports.ts'
import { loadSecrets } from './secrets.ts'
import { connectionOf, serviceSettings } from './settings.ts'
import type { Tell } from './supervisor/notice.ts'
import { SUPERVISOR_DEFAULTS, Supervisor } from './supervisor/supervisor.ts'

export interface Local extends AsyncDisposable {
  readonly connection: Connection
  readonly models: Models
}

export interface LocalOverrides {
  /** Gets the supervisor as soon as children may live, so that a start can be broken off. */
  readonly hold?: (supervisor: Supervisor) => void
  readonly services?: readonly Service[]
}

/** Everything on one machine: the log, Postgres, a model and the services, each in a process of its own. */
export async function startLocal(
  config: LocalConfig,
  env: Environment,
  tell: Tell,
  overrides: LocalOverrides = {},
): Promise<Local> {
  const say = (text: string) => tell({ from: 'start', level: 'info', text })
  await using stack = new AsyncDisposableStack()
  stack.use(await claimDataDirectory(config.dataDir))
  const book = new ProcessBook(config.dataDir)
  const leftovers = await book.stopLeftovers()
  if (leftovers.length > 0) say(`stopped what an earlier run had left: ${leftovers.join(', ')}`)
  if (config.natsUrl === undefined) await requireNatsServer()
  const faults = await portFaults(portUses(config.ports))
  if (faults.length > 0) throw new ConfigError(faults)

  const logDir = join(config.dataDir, 'logs')
  const note = (spec: Parameters<typeof markerOf>[0], pid: number) =>
    book.note(spec.name, pid, markerOf(spec))
  const supervisor = stack.use(new Supervisor({ ...SUPERVISOR_DEFAULTS, logDir }, tell, note))
  overrides.hold?.(supervisor)
  const secrets = await loadSecrets(config.dataDir)
  const models = await chooseModels(config)
  const ports = await resolvePorts(config.ports)
  say('starting NATS, Postgres and a model')
  const [natsUrl, databaseUrl] = await Promise.all([
    config.natsUrl ?? startNats(supervisor, config.dataDir, env),
    config.databaseUrl ?? startPostgres(supervisor, config.dataDir, env),
    models.simulator && supervisor.start(simulatorChild(models.simulator, env)),
  ])
  await migrate(databaseUrl)

  say('starting the services')
  const connection = connectionOf(config, env, secrets, ports, { natsUrl, databaseUrl, models })
  const whole = { ...env, ...serviceSettings(connection, models, ports) }
  // The first makes what the others need: the streams, and the certificate that they trust.
  const [gateway, ...others] = (overrides.services ?? SERVICES).map(service => serviceChild(service, whole))
  if (gateway) await supervisor.start(gateway)
  await Promise.all(others.map(spec => supervisor.start(spec)))
  const apiKey = await demoKey(connection, secrets)
  stack.use(await writeConnection({ ...connection, apiKey }))
  const owned = stack.move()
  return {
    connection: { ...connection, apiKey },
    models,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function startNats(supervisor: Supervisor, dataDir: string, env: Environment): Promise<string> {
  const port = await freePort()
  await supervisor.start(await natsChild(dataDir, port, env, RANK.nats))
  return `nats://127.0.0.1:${port}`
}

async function startPostgres(supervisor: Supervisor, dataDir: string, env: Environment): Promise<string> {
  const port = await freePort()
  await supervisor.start(postgresChild(dataDir, port, env))
  return `postgres://postgres@127.0.0.1:${port}/postgres`
}
