import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('./watchdog-main.ts', import.meta.url))

export interface Watchdog {
  /** Names the process that must not outlive this one; undefined when it has ended. */
  guard(pid: number | undefined): void
  /** Ends the watchdog, which removes its directory on the way out. */
  release(): Promise<void>
}

/** A process of its own that kills the guarded server and removes `directory` when this process is gone. */
export function startWatchdog(directory: string | undefined): Watchdog {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, directory ?? ''], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const exited = once(child, 'exit')
  child.unref()
  const input = child.stdin as Socket
  input.unref()
  // A watchdog that was killed by hand is no reason to fail a test.
  input.on('error', () => {})
  return {
    guard: pid => {
      input.write(`${pid ?? ''}\n`)
    },
    async release() {
      child.ref()
      input.end('\n')
      await exited
    },
  }
}
