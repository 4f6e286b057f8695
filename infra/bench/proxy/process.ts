import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'

const START_LIMIT_MS = 60_000
/** A server that ends in order takes less; what is killed after it is nobody's any more. */
const STOP_LIMIT_MS = 30_000
/** Linux counts CPU time in hundredths of a second (`getconf CLK_TCK`). */
const TICK_MS = 10

export interface Process extends AsyncDisposable {
  readonly pid: number
  cpuMs(): Promise<number>
  /** Resident memory in bytes. */
  residentBytes(): Promise<number>
}

/** Starts a server and waits until its port takes connections; one that does not come to that is killed. */
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
  // A command that is not there has an error and no exit.
  const exit = once(child, 'exit')
    .catch((error: Error) => (output += error.message))
    .finally(() => (ended = true))
  const end = async (signal: NodeJS.Signals) => {
    if (!ended) child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
    await exit
    clearTimeout(timer)
  }
  const deadlineMs = performance.now() + START_LIMIT_MS
  while (!(await takesConnections(port))) {
    if (ended || performance.now() > deadlineMs) {
      const how = ended
        ? `ended with ${child.exitCode ?? child.signalCode}`
        : `silent for ${START_LIMIT_MS} ms`
      await end('SIGKILL')
      throw new Error(`${command} did not start (${how}):\n${output || '<no output>'}`)
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const pid = child.pid!
  return {
    pid,
    cpuMs: () => cpuMsOf(pid),
    async residentBytes() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1_024
    },
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  }
}

/** CPU time, user and system, in milliseconds, that a process has used so far. */
export async function cpuMsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
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
