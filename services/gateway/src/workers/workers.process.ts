import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '@fluxgate/runtime'
import type { WorkerPorts, WorkerProcess } from './worker.process.ts'

const RESTART_MIN_MS = 1_000
const RESTART_MAX_MS = 30_000
/** A worker that was ready for so long has not failed at its start. */
const STEADY_MS = 60_000

/** A place for a worker; the processes in it come and go under one name. */
export interface Slot {
  /** The worker's `NODE_ID`. */
  readonly name: string
  process: WorkerProcess | undefined
  /** Undefined while no worker is ready. */
  ports: WorkerPorts | undefined
  /** It was asked to stop, and will be started again. */
  isAsked: boolean
  restarts: number
}

/** Keeps so many workers alive: what ends unasked is started again, after a pause that doubles up to 30 s. */
export class Workers implements AsyncDisposable {
  readonly slots: readonly Slot[]
  readonly #start: (name: string) => WorkerProcess
  readonly #log: Log
  readonly #stop = new AbortController()
  #isRolling = false

  /** @param start  starts a worker of that name */
  constructor(names: readonly string[], start: (name: string) => WorkerProcess, log: Log) {
    this.slots = names.map(name => ({
      name,
      process: undefined,
      ports: undefined,
      isAsked: false,
      restarts: 0,
    }))
    this.#start = start
    this.#log = log
  }

  /** One after another: the first makes what they share (certificate, streams). @throws when one ends before it is ready */
  async startAll(): Promise<void> {
    for (const slot of this.slots) await this.#fill(slot)
    for (const slot of this.slots) void this.#keep(slot)
  }

  /** Stops each worker when those before it are ready again, so that the others serve meanwhile. */
  async restartAll(): Promise<void> {
    if (this.#isRolling) return
    this.#isRolling = true
    this.#log.info('rolling restart begins')
    for (const slot of this.slots) {
      const before = slot.process
      slot.isAsked = true
      before?.kill('SIGTERM')
      while (!this.#stop.signal.aborted && (slot.process === before || slot.ports === undefined))
        await this.#pause(50)
    }
    this.#isRolling = false
    this.#log.info('rolling restart is done')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const { process } of this.slots) process?.kill('SIGTERM')
    await Promise.all(this.slots.map(({ process }) => process?.ended))
  }

  async #fill(slot: Slot): Promise<void> {
    const worker = this.#start(slot.name)
    slot.process = worker
    try {
      const ports = await worker.ready
      slot.ports = ports
      this.#log.info({ worker: slot.name, workerPid: worker.pid }, 'worker ready')
    } catch (error) {
      throw new Error(`worker ${slot.name} ${(error as Error).message}`)
    }
  }

  async #keep(slot: Slot): Promise<void> {
    let wait = RESTART_MIN_MS
    for (;;) {
      const readyAtMs = performance.now()
      const how = await slot.process!.ended
      slot.ports = undefined
      if (this.#stop.signal.aborted) return
      const { isAsked } = slot
      slot.isAsked = false
      if (isAsked || performance.now() - readyAtMs > STEADY_MS) wait = RESTART_MIN_MS
      if (isAsked) this.#log.info({ worker: slot.name, how }, 'worker stopped')
      else {
        this.#log.error({ worker: slot.name, how, wait }, 'worker ended, it is started again')
        await this.#pause(wait)
        wait = Math.min(wait * 2, RESTART_MAX_MS)
      }
      if (this.#stop.signal.aborted) return
      slot.restarts++
      await this.#fill(slot).catch(error => this.#log.error({ err: error }, 'worker did not start'))
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {})
  }
}
