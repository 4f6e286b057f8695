import { randomBytes } from 'node:crypto'
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PASSWORD_VARIABLES } from '@fluxgate/nats-accounts'
import { writePrivateFile } from './private-file.ts'

/** Made once and kept, so that sessions, tokens and the demo key outlive a restart. */
export interface Secrets {
  readonly jwtSecret: string
  readonly adminToken: string
  readonly operatorPassword: string
  /** What the dashboard shows the gateway when it says whose address it asks for. */
  readonly forwardToken: string
  /** Of the users of our own nats-server, by the variable that its configuration names. */
  readonly natsPasswords: Readonly<Record<string, string>>
  /** The demo user's API key, once it is made. */
  readonly demoKey?: string
}

const SECRET_BYTES = 32
const PASSWORD_BYTES = 12

/** Reads `secrets.json` in the data directory; makes it, or what is missing in it, and keeps it to this user. */
export async function loadSecrets(dataDir: string): Promise<Secrets> {
  const path = secretsPath(dataDir)
  const kept = await readKept(path)
  const secrets = {
    jwtSecret: kept.jwtSecret ?? randomBytes(SECRET_BYTES).toString('base64url'),
    adminToken: kept.adminToken ?? randomBytes(SECRET_BYTES).toString('base64url'),
    operatorPassword: kept.operatorPassword ?? randomBytes(PASSWORD_BYTES).toString('base64url'),
    forwardToken: kept.forwardToken ?? randomBytes(SECRET_BYTES).toString('base64url'),
    natsPasswords: natsPasswords(kept.natsPasswords),
    ...(kept.demoKey === undefined ? undefined : { demoKey: kept.demoKey }),
  }
  if (JSON.stringify(secrets) !== JSON.stringify(kept)) await saveSecrets(dataDir, secrets)
  else await chmod(path, 0o600)
  return secrets
}

export function saveSecrets(dataDir: string, secrets: Secrets): Promise<void> {
  return writePrivateFile(secretsPath(dataDir), `${JSON.stringify(secrets, null, 2)}\n`)
}

function secretsPath(dataDir: string): string {
  return join(dataDir, 'secrets.json')
}

function natsPasswords(kept: Readonly<Record<string, string>> = {}): Record<string, string> {
  // A letter first: the server takes what looks like a number for one.
  const made = () => `p${randomBytes(SECRET_BYTES).toString('hex')}`
  return Object.fromEntries(PASSWORD_VARIABLES.map(name => [name, kept[name] ?? made()]))
}

async function readKept(path: string): Promise<Partial<Secrets>> {
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
