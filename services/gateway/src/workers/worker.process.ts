import cluster from 'node:cluster'

/** Where a worker listens. */
export interface WorkerPorts {
  readonly publicPort: number
  readonly adminPort: number
}

/** A gateway process from its start to its end. */
export interface WorkerProcess {
  readonly pid: number | undefined
  /** Rejects when the process ends before it is ready. */
  readonly ready: Promise<WorkerPorts>
  /** How it ended, in words. */
  readonly ended: Promise<string>
  kill(signal: NodeJS.Signals): void
}

/**
 * Starts the program once more, with Node's own options of this process. This process takes the connections and hands them
 * to the workers in turns (`node:cluster`), so that none is lost when a worker stops. A worker ends when this process does.
 */
export function startWorker(program: string, env: Readonly<Record<string, string>>): WorkerProcess {
  cluster.setupPrimary({ exec: program, args: [] })
  const worker = cluster.fork(env)
  const ended = new Promise<string>(resolve => {
    worker.once('error', error => {
      if (worker.process.pid === undefined) resolve(`could not be started: ${error.message}`)
    })
    worker.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  const listening = new Promise<WorkerPorts>(resolve => {
    worker.on('message', ({ ready, publicPort, adminPort }: { ready?: boolean } & WorkerPorts) => {
      if (ready) resolve({ publicPort, adminPort })
    })
  })
  const ready = Promise.race([
    listening,
    ended.then(how => Promise.reject(new Error(`ended at its start: ${how}`))),
  ])
  // A worker may be stopped at its start while no code waits for it.
  ready.catch(() => {})
  return { pid: worker.process.pid, ready, ended, kill: signal => void worker.process.kill(signal) }
}
