import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { EXIT, UserError } from './user-error.ts'

export interface LocalSystem {
  readonly natsUrl: string
  readonly databaseUrl: string | undefined
}

/** Where log and tables of the system are that `npm start` runs with this data directory. */
export async function localSystem(dataDir: string): Promise<LocalSystem> {
  const path = join(resolve(dataDir), 'connection.json')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const reason = absent
      ? `nothing runs with ${dataDir}`
      : `${path} cannot be read: ${(cause as Error).message}`
    throw new UserError(EXIT.usage, `no log to read: NATS_URL is not set, and ${reason} (npm start)`, {
      cause,
    })
  }
  const system = systemIn(text)
  if (!system) throw new UserError(EXIT.usage, `${path} does not tell a natsUrl; set NATS_URL`)
  return system
}

function systemIn(text: string): LocalSystem | undefined {
  try {
    const { natsUrl, databaseUrl } = JSON.parse(text) as { natsUrl?: unknown; databaseUrl?: unknown }
    if (typeof natsUrl !== 'string' || natsUrl === '') return undefined
    return { natsUrl, databaseUrl: typeof databaseUrl === 'string' ? databaseUrl : undefined }
  } catch {
    return undefined
  }
}
