import type { SlotList } from '@fluxgate/runtime'
import type { Edge } from '../edge/index.ts'

/** Something that can be told to end now. */
interface Interruptible {
  interrupt(by: 'drain', message: string): void
}

export interface DrainLimits {
  /** A stopping node still takes requests for so long, so that balancers see `/ready` say no first. */
  readonly drainDelayMs: number
  /** How long answers in flight may take to finish. */
  readonly drainMs: number
}

export interface Drain {
  /** True from the first moment of the stop. */
  readonly begun: boolean
  stop(): Promise<void>
}

const LOOK_EVERY_MS = 20
/** For the error frames of what did not finish in time. */
const LAST_WRITES_MS = 2_000

/**
 * An orderly stop: every answer says that it is its connection's last; then no new connections and GOAWAY on the old ones;
 * then what runs has `drainMs` to finish, is ended with an error frame in its dialect, and at last everything is closed.
 */
export function drainOf(
  { app, connections, sessions }: Edge,
  running: SlotList<Interruptible>,
  limits: DrainLimits,
): Drain {
  let begun = false
  const isDone = (): boolean => connections.endIdle() && sessions.idle && running.size === 0
  const waitUntilDone = async (limitMs: number): Promise<void> => {
    const deadlineMs = performance.now() + limitMs
    while (!isDone() && performance.now() < deadlineMs) await sleep(LOOK_EVERY_MS)
  }
  return {
    get begun() {
      return begun
    },
    async stop() {
      begun = true
      connections.drain()
      if (limits.drainDelayMs > 0) await sleep(limits.drainDelayMs)
      // Right after new connections were taken: those that wait to be taken are reset by the system.
      await afterPoll()
      if (app.server.listening) app.server.close()
      sessions.drain()
      await waitUntilDone(limits.drainMs)
      for (const exchange of running) exchange.interrupt('drain', 'The gateway is stopping.')
      await waitUntilDone(LAST_WRITES_MS)
      sessions.destroyAll()
      connections.destroyAll()
      await app.close()
    },
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

function afterPoll(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
