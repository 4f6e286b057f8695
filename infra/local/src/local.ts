import { join } from 'node:path'
import { connectNats, ensureTopology } from '@fluxgate/nats'
import { passwordVariable } from '@fluxgate/nats-accounts'
import { makeUsers, migrate } from '@fluxgate/postgres'
import { ConfigError, createLog, type Environment, readConfig, readLogStorage } from '@fluxgate/runtime'
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
import { loadSecrets, type Secrets } from './secrets.ts'
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
  /** Each service starts again when one of its files changes. */
  readonly watch?: boolean
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
  const [natsUrl, embedded] = await Promise.all([
    config.natsUrl === undefined
      ? startNats(supervisor, config.dataDir, env, secrets)
      : () => config.natsUrl!,
    config.databaseUrl === undefined ? startPostgres(supervisor, config.dataDir, env, secrets) : undefined,
    models.simulator && supervisor.start(simulatorChild(models.simulator, env)),
  ])
  const databaseUrl = config.databaseUrl ?? embedded?.databaseUrl ?? ''
  await migrate(databaseUrl)
  if (embedded)
    await makeUsers(
      databaseUrl,
      new Map([['mcp_reader', secrets.postgresPasswords.POSTGRES_PASSWORD_MCP_READER]]),
    )

  say('starting the services')
  // Whoever may read the connection's file may do what an operator may.
  const natsUrls = { natsUrl: natsUrl('operator'), gatewayNatsUrl: natsUrl('gateway') }
  const connection = connectionOf(config, env, secrets, ports, { ...natsUrls, databaseUrl, models })
  const whole = {
    ...env,
    ...serviceSettings(connection, models, ports),
    ...(embedded && { MCP_READ_DATABASE_URL: embedded.readDatabaseUrl }),
  }
  // The first makes the certificate that the others trust.
  const [gateway, ...others] = (overrides.services ?? SERVICES).map(service =>
    serviceChild(service, { ...whole, NATS_URL: natsUrl(service.name) }, [], {
      watch: overrides.watch ?? false,
    }),
  )
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

/** @returns the server's URL for each of its users */
async function startNats(
  supervisor: Supervisor,
  dataDir: string,
  env: Environment,
  { natsPasswords }: Secrets,
): Promise<(user: string) => string> {
  const port = await freePort()
  await supervisor.start(await natsChild(dataDir, port, env, natsPasswords, RANK.nats))
  const urlOf = (user: string) => `nats://${user}:${natsPasswords[passwordVariable(user)]}@127.0.0.1:${port}`
  await using link = await connectNats(
    { url: urlOf('topology'), name: 'topology' },
    createLog('start', 'warn'),
  )
  await ensureTopology(link, readConfig(env, readLogStorage))
  return urlOf
}

async function startPostgres(
  supervisor: Supervisor,
  dataDir: string,
  env: Environment,
  { postgresPasswords }: Secrets,
): Promise<{ databaseUrl: string; readDatabaseUrl: string }> {
  const port = await freePort()
  await supervisor.start(postgresChild(dataDir, port, env, postgresPasswords))
  const { POSTGRES_PASSWORD: owner, POSTGRES_PASSWORD_MCP_READER: reader } = postgresPasswords
  return {
    databaseUrl: `postgres://postgres:${owner}@127.0.0.1:${port}/postgres`,
    readDatabaseUrl: `postgres://mcp_reader:${reader}@127.0.0.1:${port}/postgres`,
  }
}
