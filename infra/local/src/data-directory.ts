import { chmod, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '@fluxgate/runtime'
import { isProcess } from './leftovers.ts'

/** A process that holds a data directory has this in its command line. */
const OWNER_MARKER = 'start.ts'
/** Permissions of the group and of everybody else. */
const OTHERS = 0o077

/** Makes the directory, for this user alone, and holds it against a second `npm start`. */
export async function claimDataDirectory(dataDir: string): Promise<AsyncDisposable> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await closeToOthers(dataDir)
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

/** One that was there before may be open to others: passwords, prompts and the log would be theirs to read. */
async function closeToOthers(dataDir: string): Promise<void> {
  if (process.platform === 'win32') return
  const { mode } = await stat(dataDir)
  if ((mode & OTHERS) === 0) return
  try {
    await chmod(dataDir, 0o700)
  } catch (cause) {
    throw new ConfigError([
      `${dataDir} can be read by other users (mode ${(mode & 0o777).toString(8)}), and its mode cannot be changed: ` +
        `${(cause as Error).message}. Make it yours alone (chmod 700), or set FLUXGATE_DATA_DIR to another directory.`,
    ])
  }
}
