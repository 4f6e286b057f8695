import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '@fluxgate/runtime'
import { isProcess } from './leftovers.ts'

/** A process that holds a data directory has this in its command line. */
const OWNER_MARKER = 'start.ts'

/** Makes the directory, for this user alone, and holds it against a second `npm start`. */
export async function claimDataDirectory(dataDir: string): Promise<AsyncDisposable> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const path = join(dataDir, 'owner.pid')
  for (;;) {
    try {
      await using file = await open(path, 'wx', 0o600)
      await file.write(String(process.pid))
      return {
        async [Symbol.asyncDispose]() {
          await rm(path, { force: true })
        },
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => ''))
    if (owner > 0 && owner !== process.pid && (await isProcess(owner, OWNER_MARKER))) {
      throw new ConfigError([
        `Fluxgate runs already in ${dataDir} (process ${owner}). Stop it first, add a gateway to it with ` +
          '`npm run gateway`, or set FLUXGATE_DATA_DIR to another directory.',
      ])
    }
    await rm(path, { force: true })
  }
}
