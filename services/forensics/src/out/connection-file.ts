import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { EXIT, Trouble } from '../core/fault.ts'

/** Where the log of the system is that `npm start` runs with this data directory. */
export async function localNatsUrl(dataDir: string): Promise<string> {
  const path = join(resolve(dataDir), 'connection.json')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const reason = absent
      ? `nothing runs with ${dataDir}`
      : `${path} cannot be read: ${(cause as Error).message}`
    throw new Trouble(EXIT.usage, `no log to read: NATS_URL is not set, and ${reason} (npm start)`, { cause })
  }
  const natsUrl = urlIn(text)
  if (natsUrl === undefined) throw new Trouble(EXIT.usage, `${path} does not tell a natsUrl; set NATS_URL`)
  return natsUrl
}

function urlIn(text: string): string | undefined {
  try {
    const { natsUrl } = JSON.parse(text) as { natsUrl?: unknown }
    return typeof natsUrl === 'string' && natsUrl !== '' ? natsUrl : undefined
  } catch {
    return undefined
  }
}
