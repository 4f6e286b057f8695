import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '@fluxgate/testing'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const START_LIMIT_MS = 120_000

/** What `npm start` writes for those who join it. */
export interface Connection {
  readonly natsUrl: string
  readonly databaseUrl: string
  readonly publicUrl: string
  readonly adminUrl: string
  readonly mcpUrl: string
  readonly dashboardUrl: string
  readonly tlsCertPath: string
  readonly adminToken: string
  readonly mcpToken: string
  readonly operatorEmail: string
  readonly operatorPassword: string
  readonly apiKey: string
}

export interface Command extends AsyncDisposable {
  readonly child: ChildProcess
  /** Everything printed so far. */
  output(): string
  /** Resolves when the output matches; rejects when the process ends first. */
  printed(pattern: RegExp): Promise<void>
  /** Sends the signal; resolves with the milliseconds until the process was gone. */
  stop(signal: NodeJS.Signals): Promise<number>
}

/** Runs a script of this repository as a person would, in a process of its own. */
export function runCommand(script: string, env: Record<string, string>): Command {
  const args = ['--disable-warning=ExperimentalWarning', join(ROOT, script)]
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
  })
  let text = ''
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
  const stop = async (signal: NodeJS.Signals) => {
    const startedMs = performance.now()
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
    return performance.now() - startedMs
  }
  return {
    child,
    output: () => text,
    stop,
    async printed(pattern) {
      const startedMs = performance.now()
      while (!pattern.test(text)) {
        if (child.exitCode !== null || performance.now() - startedMs > START_LIMIT_MS) {
          throw new Error(`${script} did not print ${pattern}:\n${text}`)
        }
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    },
    async [Symbol.asyncDispose]() {
      await stop('SIGTERM')
    },
  }
}

export interface System extends AsyncDisposable {
  readonly start: Command
  readonly connection: Connection
  readonly dataDir: string
  readonly env: Record<string, string>
}

/** `npm start` on free ports, with its data in a temporary folder unless one is given. */
export async function startSystem(dataDir?: string, more: Record<string, string> = {}): Promise<System> {
  await using stack = new AsyncDisposableStack()
  const directory = dataDir ?? (await mkdtemp(join(tmpdir(), 'fluxgate-e2e-')))
  if (dataDir === undefined) stack.defer(() => rm(directory, { recursive: true, force: true }))
  const [publicPort, adminPort, mcpPort, dashboardPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ])
  const env = {
    FLUXGATE_DATA_DIR: directory,
    PUBLIC_PORT: String(publicPort),
    ADMIN_PORT: String(adminPort),
    MCP_PORT: String(mcpPort),
    DASHBOARD_PORT: String(dashboardPort),
    // A few calls are a flood: tests of the loop need not burn a tier's bucket.
    GUARD_PRESET: 'strict',
    ...more,
  }
  const start = stack.use(runCommand('infra/local/src/start.ts', env))
  await start.printed(/Fluxgate is running/)
  const connection = JSON.parse(await readFile(join(directory, 'connection.json'), 'utf8')) as Connection
  const owned = stack.move()
  return { start, connection, dataDir: directory, env, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Process ids whose command line or environment names the data directory: the system's own, and no other's. */
export async function processesOf(dataDir: string): Promise<number[]> {
  const { readdir } = await import('node:fs/promises')
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    try {
      const commandLine = await readFile(`/proc/${name}/cmdline`, 'utf8')
      const environment = await readFile(`/proc/${name}/environ`, 'utf8')
      if (commandLine.includes(dataDir) || environment.includes(dataDir)) found.push(Number(name))
    } catch {
      // It ended while we looked.
    }
  }
  return found
}
