import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Something that can be told to end now. */
interface Interruptible {
  interrupt(by: 'drain', message: string): void
}

const LOOK_EVERY_MS = 20
const LAST_WRITES_MS = 200

/**
 * Prepares an orderly stop: no new connections, then answers in flight get up to `limitMs` to finish, then they are
 * ended with an error frame, and at last every connection is closed.
 */
export function drainer(
  app: FastifyInstance,
  running: ReadonlySet<Interruptible>,
  limitMs: number,
): () => Promise<void> {
  const sockets = new Set<Socket>()
  const remember = (socket: Socket): void => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }
  const server: EventEmitter = app.server
  // Node's TLS server tells of its sockets by this name, after the handshake.
  server.on('secureConnection', remember)
  server.on('connection', remember)

  return async () => {
    const closed = app.close()
    const deadlineMs = performance.now() + limitMs
    while (running.size > 0 && performance.now() < deadlineMs) await sleep(LOOK_EVERY_MS)
    for (const exchange of running) exchange.interrupt('drain', 'The gateway is stopping.')
    for (const socket of sockets) socket.destroySoon()
    await Promise.race([closed, sleep(LAST_WRITES_MS)])
    for (const socket of sockets) socket.destroy()
    await closed
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
