import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answers, type Child, ChildEnded, startChild, untilReady } from './child.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

const MAX_FILE_BYTES = 16 * 1024 ** 3
const MAX_MEMORY_BYTES = 256 * 1024 ** 2
const PORT_TRIES = 5

export interface NatsServerOptions {
  /** JetStream's limit for all file streams; a stream's `max_bytes` is reserved out of it. */
  readonly maxFileBytes?: number
  readonly maxMemoryBytes?: number
  /** More text for the server's configuration file. */
  readonly config?: string
  readonly port?: number
}

export interface NatsServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly storeDir: string
  /** Process id of the server that runs, or ran last. */
  readonly pid: number
  /** Ends the server, by default as an operator would (SIGTERM); the store directory stays. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port and store directory. */
  start(): Promise<void>
  /** Stops it where it stands, and resolves when none of its threads runs any more. */
  pause(): Promise<void>
  resume(): void
}

/** A real nats-server (from PATH) with JetStream in a temporary directory. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-nats-'))
  const watchdog = startWatchdog(directory)
  const storeDir = join(directory, 'store')
  const configFile = join(directory, 'server.conf')
  try {
    for (let tries = 1; ; tries++) {
      const port = options.port ?? (await freePort())
      await writeFile(configFile, configText(port, storeDir, options))
      try {
        return serverHandle(port, storeDir, configFile, watchdog, await launch(port, configFile, watchdog))
      } catch (error) {
        // Another process may have taken the port since it was found free.
        const retry = error instanceof ChildEnded && error.message.includes('address already in use')
        if (!retry || options.port !== undefined || tries === PORT_TRIES) throw error
      }
    }
  } catch (error) {
    await watchdog.release()
    throw error
  }
}

function serverHandle(
  port: number,
  storeDir: string,
  configFile: string,
  watchdog: Watchdog,
  first: Child,
): NatsServer {
  let child: Child | undefined = first
  let pid = first.pid
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    await child?.stop(signal)
    child = undefined
    watchdog.guard(undefined)
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    storeDir,
    get pid() {
      return pid
    },
    stop,
    async start() {
      if (child) return
      child = await launch(port, configFile, watchdog)
      pid = child.pid
    },
    async pause() {
      process.kill(pid, 'SIGSTOP')
      await eventually(async () => assert.equal(await runningThreads(pid), 0))
    },
    resume() {
      process.kill(pid, 'SIGCONT')
    },
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
      await watchdog.release()
    },
  }
}

/** A thread that runs on another core goes on for a while after the signal (proc(5), `stat`). */
async function runningThreads(pid: number): Promise<number> {
  const tasks = `/proc/${pid}/task`
  const stats = (await readdir(tasks)).map(task => readFile(join(tasks, task, 'stat'), 'utf8'))
  return (await Promise.all(stats)).filter(stat => !/\) T /.test(stat)).length
}

async function launch(port: number, configFile: string, watchdog: Watchdog): Promise<Child> {
  const child = startChild('nats-server', ['--config', configFile])
  watchdog.guard(child.pid)
  // The server opens its client port after it has recovered its streams.
  await untilReady(child, () => answers(port, 'INFO '))
  return child
}

function configText(port: number, storeDir: string, options: NatsServerOptions): string {
  return `listen: "127.0.0.1:${port}"
server_name: "test_${port}"
jetstream {
  store_dir: ${JSON.stringify(storeDir)}
  max_file_store: ${options.maxFileBytes ?? MAX_FILE_BYTES}
  max_memory_store: ${options.maxMemoryBytes ?? MAX_MEMORY_BYTES}
}
${options.config ?? ''}
`
}
