import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'

export interface Watchdog {
  /** Names the process that must not outlive this one; undefined when it has ended. */
  guard(pid: number | undefined): void
  /** Ends the watchdog, which removes its directory on the way out. */
  release(): Promise<void>
}

/**
 * Each line of standard input is the id of the server process to guard, or empty when none runs. Standard input ends when
 * the test process ends, however it ends. A shell, since a run of the tests starts a hundred of them. A killed server
 * may still write for a moment.
 */
const SCRIPT = `
trap '' INT TERM HUP
pid=
while read -r line; do pid=$line; done
[ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
[ -n "$1" ] || exit 0
for i in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" 2>/dev/null && exit 0
  sleep 0.1
done`

/** A process of its own that kills the guarded server and removes `directory` when this process is gone. */
export function startWatchdog(directory: string | undefined): Watchdog {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'fluxgate-test-watchdog', directory ?? ''], {
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
