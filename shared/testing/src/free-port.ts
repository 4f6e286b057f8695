import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below the range from which systems take the local ports of outgoing connections (32768 on Linux, 49152 elsewhere):
 * a server that restarts must find its port free, and a client that dials a closed port must not reach itself.
 */
const FIRST_PORT = 12_000
const LAST_PORT = 32_000
const TRIES = 50

/**
 * A TCP port on 127.0.0.1 that no process listens on and that no other call was given, in this process or another one,
 * as long as this process lives. The claim is the UDP socket of the same number, which the system releases by itself.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    if ((await claims(port)) && (await isFree(port, '127.0.0.1')) && (await isFree(port, '0.0.0.0')))
      return port
  }
  throw new Error(`no free port found in ${TRIES} tries`)
}

async function claims(port: number): Promise<boolean> {
  const claim = createSocket('udp4')
  try {
    claim.bind({ port, address: '127.0.0.1', exclusive: true })
    await once(claim, 'listening')
    claim.unref()
    return true
  } catch {
    claim.close()
    return false
  }
}

/** Not every system refuses all addresses together while one of them is in use. */
async function isFree(port: number, address: string): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, address)
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    await new Promise(done => server.close(done))
  }
}
