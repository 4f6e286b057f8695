import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writePrivateFile } from './private-file.ts'

/** `connection.json` in the data directory: what another process needs to join the system that runs here. */
export interface Connection {
  readonly pid: number
  readonly dataDir: string
  /** As the operator's user, where the server is our own. */
  readonly natsUrl: string
  /** As a gateway. */
  readonly gatewayNatsUrl: string
  readonly databaseUrl: string
  readonly publicUrl: string
  readonly adminUrl: string
  readonly mcpUrl: string
  readonly dashboardUrl: string
  readonly upstreamUrls: readonly string[]
  readonly tlsCertPath: string | undefined
  readonly tlsKeyPath: string | undefined
  readonly sessionPrivateKey: string
  readonly adminToken: string
  readonly forwardToken: string
  readonly registration: string
  readonly dashboardToken: string
  readonly metricsToken: string
  readonly mcpToken: string
  readonly operatorEmail: string
  readonly operatorPassword: string
  readonly apiKey: string | undefined
}

export async function writeConnection(connection: Connection): Promise<AsyncDisposable> {
  const path = connectionPath(connection.dataDir)
  await writePrivateFile(path, `${JSON.stringify(connection, null, 2)}\n`)
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true })
    },
  }
}

/** Undefined when nothing runs with this data directory. */
export async function readConnection(dataDir: string): Promise<Connection | undefined> {
  try {
    const connection = JSON.parse(await readFile(connectionPath(dataDir), 'utf8')) as Connection
    process.kill(connection.pid, 0)
    return connection
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

function connectionPath(dataDir: string): string {
  return join(dataDir, 'connection.json')
}
