import type { Log } from '@fluxgate/runtime'
import type { GatewayConfig } from '../config.ts'
import { openAdminFront } from './admin-front.http.ts'
import { startWorker } from './worker.process.ts'
import { Workers } from './workers.process.ts'

export interface RunningWorkers extends AsyncDisposable {
  readonly publicPort: number
  readonly adminPort: number
}

/** For a worker to give its metrics or its readiness. */
const ASK_LIMIT_MS = 5_000
/** Asks for a rolling restart. SIGHUP is what a terminal sends that closes. */
const ROLLING_RESTART = 'SIGUSR2'

/**
 * Gateway processes on one public port, each a node with a spool of its own in the one data directory, and one admin
 * address before them.
 * @param program  what this process runs, and each worker
 */
export async function startWorkers(
  config: GatewayConfig,
  program: string,
  log: Log,
): Promise<RunningWorkers> {
  await using stack = new AsyncDisposableStack()
  const start = (name: string) =>
    startWorker(program, {
      GATEWAY_WORKERS: '1',
      NODE_ID: name,
      REUSE_PORT: 'off',
      ADMIN_HOST: '127.0.0.1',
      ADMIN_PORT: '0',
    })
  const names = Array.from({ length: config.workers }, (_, i) => `${config.node}-${i + 1}`)
  const workers = stack.use(new Workers(names, start, log))
  await workers.startAll()
  const limits = { requestTimeoutMs: config.limits.requestTimeoutMs, askMs: ASK_LIMIT_MS }
  const address = { host: config.adminHost, port: config.adminPort }
  const front = stack.use(await openAdminFront(workers, address, limits))
  const restart = () => void workers.restartAll()
  process.on(ROLLING_RESTART, restart)
  stack.defer(() => void process.off(ROLLING_RESTART, restart))
  const { publicPort } = workers.slots[0]!.ports!
  log.info({ node: config.node, workers: names.length, publicPort, adminPort: front.port }, 'workers listen')
  const owned = stack.move()
  return { publicPort, adminPort: front.port, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
