import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'

const START_LIMIT_MS = 30_000
/** Linux counts CPU time in hundredths of a second (`getconf CLK_TCK`). */
const TICK_MS = 10

export interface Process extends AsyncDisposable {
  /** CPU time that the process has used so far, user and system, in milliseconds. */
  cpuMs(): Promise<number>
  /** Resident memory in bytes. */
  residentBytes(): Promise<number>
}

/** Starts a server and waits until its port takes connections. */
export async function startProcess(
  command: string,
  args: readonly string[],
  port: number,
  env: Record<string, string> = {},
): Promise<Process> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => (output = `${output}${chunk}`.slice(-4_000)))
  }
  let ended = false
  const exit = once(child, 'exit').finally(() => (ended = true))
  const deadlineMs = performance.now() + START_LIMIT_MS
  while (!(await takesConnections(port))) {
    if (ended || performance.now() > deadlineMs) throw new Error(`${command} did not start:\n${output}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return {
    async cpuMs() {
      const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) * TICK_MS
    },
    async residentBytes() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1_024
    },
    async [Symbol.asyncDispose]() {
      if (!ended) child.kill('SIGTERM')
      await exit
    },
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
