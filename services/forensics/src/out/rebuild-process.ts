import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Environment } from '@fluxgate/runtime'
import type { Rebuild, RebuildProgress } from '../core/rebuild.ts'

/** The projection rebuilds its own tables: services meet as processes, not as imports. */
const MAIN = fileURLToPath(new URL('../../../projection/src/rebuild-main.ts', import.meta.url))

export function rebuildIn(env: Environment): Rebuild {
  return async ({ acceptLoss }, told, signal) => {
    const child = spawn(process.execPath, [...process.execArgv, MAIN], {
      env: { ...env, REBUILD_ACCEPT_LOSS: acceptLoss ? 'yes' : 'no' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const stop = () => child.kill('SIGTERM')
    signal.addEventListener('abort', stop)
    let lastFault = ''
    try {
      const logs = createInterface({ input: child.stdout })
      logs.on('line', line => {
        const progress = progressIn(line)
        if (progress) told(progress)
      })
      const faults = createInterface({ input: child.stderr })
      faults.on('line', line => {
        lastFault = line.replace(/^rebuild: /, '')
      })
      if (signal.aborted) stop()
      const [code] = (await once(child, 'close')) as [number | null]
      return code === 0 ? undefined : lastFault || `the rebuild ended with ${code}`
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}

/** A line of the rebuild's log that tells positions: `{"positions": {"TOKENS": {"live": 3, "rebuilt": 2}}}`. */
function progressIn(line: string): RebuildProgress | undefined {
  try {
    const { positions } = JSON.parse(line) as {
      positions?: Record<string, { live: number; rebuilt: number }>
    }
    if (!positions) return undefined
    const streams = Object.values(positions)
    return {
      live: streams.reduce((sum, { live }) => sum + live, 0),
      rebuilt: streams.reduce((sum, { rebuilt }) => sum + rebuilt, 0),
    }
  } catch {
    return undefined
  }
}
