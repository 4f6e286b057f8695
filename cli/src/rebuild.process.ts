import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Environment } from '@fluxgate/runtime'
import type { Rebuild, RebuildProgress } from './command.ts'

const FAULT = 'rebuild: '
/** The projection rebuilds its own tables: services meet as processes, not as imports. */
const MAIN = fileURLToPath(new URL('../../services/projection/src/rebuild-main.ts', import.meta.url))

export function rebuildIn(env: Environment): Rebuild {
  return async ({ acceptLoss }, told, signal) => {
    const child = spawn(process.execPath, [...process.execArgv, MAIN], {
      env: { ...env, REBUILD_ACCEPT_LOSS: acceptLoss ? 'yes' : 'no' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const stop = () => child.kill('SIGTERM')
    signal.addEventListener('abort', stop)
    let fault = ''
    try {
      createInterface({ input: child.stdout }).on('line', line => {
        const progress = progressIn(line)
        if (progress) told(progress)
      })
      // Its log is on standard error too; only its own last word is for a person.
      createInterface({ input: child.stderr }).on('line', line => {
        if (line.startsWith(FAULT)) fault = line.slice(FAULT.length)
      })
      if (signal.aborted) stop()
      const [code] = (await once(child, 'close')) as [number | null]
      return code === 0 ? undefined : fault || `the rebuild ended with ${code}`
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}

/** `{"done": 2, "total": 3}`, messages of the log that are folded. */
function progressIn(line: string): RebuildProgress | undefined {
  try {
    const { done, total } = JSON.parse(line) as Partial<RebuildProgress>
    return done === undefined || total === undefined ? undefined : { done, total }
  } catch {
    return undefined
  }
}
