import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below the range from which systems take the local ports of outgoing connections (32768 on Linux, 49152 elsewhere):
 * a server that restarts must find its port free, and a client that dials a closed port must not reach itself.
 */
const FIRST_PORT = 12_000
const LAST_PORT = 32_000
const TRIES = 50

/** A TCP port on 127.0.0.1 that nobody listens on; random, so that test processes beside each other rarely meet. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    if (await isFree(port)) return port
  }
  throw new Error(`no free port found in ${TRIES} tries`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    await new Promise(done => server.close(done))
  }
}
