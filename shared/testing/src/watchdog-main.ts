import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

/**
 * Stands beside a test process. Each line of standard input is the id of the server process to guard, or empty when
 * none runs. Standard input ends when the test process ends, however it ends: then the server is killed and the
 * directory (if one was given) removed.
 */
const directory = process.argv[2]
let pid: number | undefined

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

for await (const line of createInterface({ input: process.stdin })) {
  pid = line === '' ? undefined : Number(line)
}
if (pid !== undefined) kill(pid)
if (directory) rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })

function kill(target: number): void {
  try {
    process.kill(target, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}
