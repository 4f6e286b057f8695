import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const CLOCK = new URL('./shifted-clock.ts', import.meta.url).href
const MAX_OUTPUT_CHARS = 16_000
const READY_LIMIT_MS = 300_000
const STOP_LIMIT_MS = 20_000

/** One service of the product as a process of its own, which is killed and started again with the same settings. */
export class ServiceProcess implements AsyncDisposable {
  readonly name: string
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #output = ''

  constructor(name: string, env: Readonly<Record<string, string>>) {
    this.name = name
    this.#env = env
  }

  /** Resolves when the service says that it is up. @throws with its last words when it ends before */
  async start(): Promise<void> {
    const main = `${ROOT}services/${this.name}/src/main.ts`
    const args = ['--disable-warning=ExperimentalWarning', '--import', CLOCK, main]
    const child = spawn(process.execPath, args, {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...this.#env },
      // With a channel the service notices the end of this process, however that comes.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', chunk => {
        this.#output = (this.#output + chunk).slice(-MAX_OUTPUT_CHARS)
      })
    }
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${this.name} ${why}:\n${this.#output}`))
      const timer = setTimeout(() => fail(`was not ready within ${READY_LIMIT_MS} ms`), READY_LIMIT_MS)
      child.once('exit', () => {
        clearTimeout(timer)
        fail('ended before it was ready')
      })
      child.on('message', message => {
        if (!(message as { ready?: boolean }).ready) return
        clearTimeout(timer)
        resolve()
      })
    })
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The end of what all its runs have printed. */
  get output(): string {
    return this.#output
  }

  /** Sends a signal without waiting for what it does: `SIGSTOP`, `SIGCONT`. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Steps the clock that the service sees to so much beside the true time. */
  shiftClock(ms: number): void {
    this.#child?.send({ shiftClockMs: ms })
  }

  /** Resolves when the process is gone. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child || !this.isRunning) return
    const exit = once(child, 'exit')
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
    await exit
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGCONT')
    await this.stop('SIGKILL')
  }
}
