import { randomBytes } from 'node:crypto'
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PASSWORD_VARIABLES } from '@fluxgate/nats-accounts'
import { makeSessionKeys } from '@fluxgate/session'
import type { PostgresPassword } from './children.ts'
import { writePrivateFile } from './private-file.ts'

/** Made once and kept, so that sessions, tokens and the demo key outlive a restart. */
export interface Secrets {
  /** Signs portal sessions; the gateways alone get it. */
  readonly sessionPrivateKey: string
  /** Of operators. */
  readonly adminToken: string
  /** Of the dashboard at the gateways' admin faces. */
  readonly dashboardToken: string
  /** Of whoever scrapes the gateways' metrics. */
  readonly metricsToken: string
  /** Of the MCP server's callers. */
  readonly mcpToken: string
  readonly operatorPassword: string
  /** What the dashboard shows the gateway when it says whose address it asks for. */
  readonly forwardToken: string
  /** Of the users of our own nats-server, by the variable that its configuration names. */
  readonly natsPasswords: Readonly<Record<string, string>>
  /** Of the users of our own Postgres, by the variable that its process reads. */
  readonly postgresPasswords: Readonly<Record<PostgresPassword, string>>
  /** The demo user's API key, once it is made. */
  readonly demoKey?: string
}

const SECRET_BYTES = 32
const PASSWORD_BYTES = 12

/** Reads `secrets.json` in the data directory; makes it, or what is missing in it, and keeps it to this user. */
export async function loadSecrets(dataDir: string): Promise<Secrets> {
  const path = secretsPath(dataDir)
  const retained = await readRetained(path)
  const secrets = {
    sessionPrivateKey: retained.sessionPrivateKey ?? makeSessionKeys().privateKey,
    adminToken: retained.adminToken ?? newToken(),
    dashboardToken: retained.dashboardToken ?? newToken(),
    metricsToken: retained.metricsToken ?? newToken(),
    mcpToken: retained.mcpToken ?? newToken(),
    operatorPassword: retained.operatorPassword ?? randomBytes(PASSWORD_BYTES).toString('base64url'),
    forwardToken: retained.forwardToken ?? randomBytes(SECRET_BYTES).toString('base64url'),
    natsPasswords: natsPasswords(retained.natsPasswords),
    postgresPasswords: postgresPasswords(retained.postgresPasswords),
    ...(retained.demoKey === undefined ? undefined : { demoKey: retained.demoKey }),
  }
  if (JSON.stringify(secrets) !== JSON.stringify(retained)) await saveSecrets(dataDir, secrets)
  else await chmod(path, 0o600)
  return secrets
}

function newToken(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

export function saveSecrets(dataDir: string, secrets: Secrets): Promise<void> {
  return writePrivateFile(secretsPath(dataDir), `${JSON.stringify(secrets, null, 2)}\n`)
}

function secretsPath(dataDir: string): string {
  return join(dataDir, 'secrets.json')
}

function natsPasswords(retained: Readonly<Record<string, string>> = {}): Record<string, string> {
  // A letter first: the server takes what looks like a number for one.
  const made = () => `p${randomBytes(SECRET_BYTES).toString('hex')}`
  return Object.fromEntries(PASSWORD_VARIABLES.map(name => [name, retained[name] ?? made()]))
}

function postgresPasswords(
  earlier: Partial<Record<PostgresPassword, string>> = {},
): Record<PostgresPassword, string> {
  const made = () => randomBytes(SECRET_BYTES).toString('hex')
  return {
    POSTGRES_PASSWORD: earlier.POSTGRES_PASSWORD ?? made(),
    POSTGRES_PASSWORD_MCP_READER: earlier.POSTGRES_PASSWORD_MCP_READER ?? made(),
  }
}

async function readRetained(path: string): Promise<Partial<Secrets>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
  try {
    return JSON.parse(text) as Partial<Secrets>
  } catch (cause) {
    throw new Error(`${path} is not JSON; remove it to have new secrets made`, { cause })
  }
}
