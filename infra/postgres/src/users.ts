import { type Database, openDatabase, runScript } from '@fluxgate/read-model'
import { ConfigError, type EnvReader, readConfig } from '@fluxgate/runtime'

/** The services that have a role (migration 0006), and where their passwords are told. */
const PASSWORDS = Object.freeze({
  gateway: 'POSTGRES_PASSWORD_GATEWAY',
  projection: 'POSTGRES_PASSWORD_PROJECTION',
  mcp: 'POSTGRES_PASSWORD_MCP',
  dashboard: 'POSTGRES_PASSWORD_DASHBOARD',
  forensics: 'POSTGRES_PASSWORD_FORENSICS',
  /** Asks the questions in SQL of the MCP server, and nothing else. */
  mcp_reader: 'POSTGRES_PASSWORD_MCP_READER',
})
type Service = keyof typeof PASSWORDS

/**
 * Makes a user for each service that can log in, a member of the service's role, or gives it a new password. May be run
 * again at any time; a service without a password is left as it is.
 * @returns the users that were made or changed
 */
export async function makeUsers(
  databaseUrl: string,
  passwords: ReadonlyMap<Service, string>,
): Promise<string[]> {
  await using db = openDatabase(databaseUrl, { max: 1, applicationName: 'users' })
  for (const [service, password] of passwords) {
    const [found] = await runScript(db, `select 1 from pg_roles where rolname = '${service}'`)
    if (!found) await runScript(db, `create user ${service} in role fluxgate_${service}`)
    await runScript(db, `alter user ${service} password ${literal(password)}`)
    if (service === 'mcp_reader') await boundReader(db)
  }
  return [...passwords.keys()]
}

/** Text in SQL that a model has written runs as this user: what it may use beside other work on the server. */
async function boundReader(db: Database): Promise<void> {
  await runScript(
    db,
    `alter user mcp_reader connection limit 16;
     alter user mcp_reader set default_transaction_read_only = on;
     alter user mcp_reader set statement_timeout = '30s';
     alter user mcp_reader set work_mem = '16MB';
     alter user mcp_reader set max_parallel_workers_per_gather = 0`,
  )
  // A superuser's setting: elsewhere an administrator sets it, or statement_timeout alone bounds the files.
  await runScript(db, `alter user mcp_reader set temp_file_limit = '256MB'`).catch(error => {
    if ((error as { code?: unknown }).code !== '42501') throw error
  })
}

/** As Postgres reads it with `standard_conforming_strings`, its default since 9.1. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function readPasswords(env: EnvReader): Map<Service, string> {
  const passwords = new Map<Service, string>()
  for (const [service, variable] of Object.entries(PASSWORDS)) {
    const password = env.optional(variable)
    if (password !== undefined) passwords.set(service as Service, password)
  }
  if (passwords.size === 0) env.fault(`set ${Object.values(PASSWORDS).join(', ')}, or some of them`)
  return passwords
}

async function main(): Promise<void> {
  const { url, passwords } = readConfig(process.env, env => ({
    url: env.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    passwords: readPasswords(env),
  }))
  console.log(`users that can log in: ${(await makeUsers(url, passwords)).join(', ')}`)
}

if (import.meta.main) {
  await main().catch(error => {
    const lines = error instanceof ConfigError ? error.faults : [(error as Error).message]
    for (const line of lines) console.error(`users: ${line}`)
    process.exitCode = error instanceof ConfigError ? 2 : 1
  })
}
