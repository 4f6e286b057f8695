import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const MAX_OUTPUT_CHARS = 8_000
const READY_LIMIT_MS = 120_000
/** An orderly end of a busy server on a busy machine; what is killed before it loses nothing but the order. */
const STOP_LIMIT_MS = 30_000
const POLL_MS = 10

/** Who runs it; absent: the user of this process. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface Child {
  readonly process: ChildProcess
  readonly pid: number
  /** The end of what it printed. */
  output(): string
  /** Sends the signal and waits for the end; SIGKILL follows after {@link STOP_LIMIT_MS}. */
  stop(signal: NodeJS.Signals): Promise<void>
}

export class ChildEnded extends Error {
  readonly code = 'FLUXGATE_TEST_CHILD_ENDED'
}

/** A server process that never keeps this process alive. */
export function startChild(
  command: string,
  args: readonly string[],
  options: { owner?: Owner | undefined; ipc?: boolean } = {},
): Child {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe', ...(options.ipc ? (['ipc'] as const) : [])],
    ...options.owner,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => {
      output = (output + chunk).slice(-MAX_OUTPUT_CHARS)
    })
    ;(stream as Socket | null)?.unref()
  }
  child.on('error', error => {
    output += error.message
  })
  child.unref()
  child.channel?.unref()
  return {
    process: child,
    pid: child.pid ?? 0,
    output: () => output,
    async stop(signal) {
      if (ended(child)) return
      const exit = once(child, 'exit')
      child.ref()
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
      await exit
      clearTimeout(timer)
    },
  }
}

/** Waits until `probe` says true; throws with the child's last words when it ends first. */
export async function untilReady(child: Child, probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS
  while (!(await probe())) {
    if (ended(child.process)) throw new ChildEnded(`the server ended before it was ready: ${child.output()}`)
    if (performance.now() > deadline) {
      await child.stop('SIGKILL')
      throw new Error(`the server was not ready within ${READY_LIMIT_MS} ms: ${child.output()}`)
    }
    await sleep(POLL_MS)
  }
}

/** True when a connection to 127.0.0.1 is accepted (and, if asked, the first bytes start with `greeting`). */
export function answers(port: number, greeting?: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const settle = (value: boolean) => {
      socket.destroy()
      resolve(value)
    }
    socket.setTimeout(1_000, () => settle(false))
    socket.on('error', () => settle(false))
    socket.on('close', () => settle(false))
    if (greeting === undefined) socket.on('connect', () => settle(true))
    else socket.on('data', data => settle(data.toString('latin1').startsWith(greeting)))
  })
}

function ended(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}
