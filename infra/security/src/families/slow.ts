import type { Socket } from 'node:net'
import { openRaw } from '../../../../services/gateway/src/edge/test/raw.ts'
import type { Attack, Family, Outcome } from '../attack.ts'
import { ENDLESS } from '../model-server.ts'
import { bytesOf } from '../request.ts'
import type { FaceName, Target } from '../target.ts'

const LIMIT_MS = 40_000
const DRIP_MS = 400

interface Slow {
  readonly name: string
  readonly face: FaceName
  /** What is written at once, and then again and again. */
  readonly first: (target: Target) => Buffer | string
  readonly drip: string
}

const post = (face: FaceName, path: string, header: string) => (target: Target) =>
  bytesOf(target, face, { method: 'POST', path, headers: ['Content-Type: application/json', header] })

const SLOW: readonly Slow[] = [
  {
    name: 'headers',
    face: 'gateway',
    first: () => 'GET /api/ps HTTP/1.1\r\nHost: a\r\n',
    drip: 'X-A: b\r\n',
  },
  { name: 'a request line', face: 'gateway', first: () => 'GET /', drip: 'a' },
  {
    name: 'a body',
    face: 'gateway',
    first: post('gateway', '/v1/chat/completions', 'Content-Length: 90000'),
    drip: 'x',
  },
  {
    name: 'chunks',
    face: 'gateway',
    first: post('gateway', '/v1/chat/completions', 'Transfer-Encoding: chunked'),
    drip: '1\r\nx\r\n',
  },
  {
    name: 'a body',
    face: 'portal',
    first: post('portal', '/portal/login', 'Content-Length: 900'),
    drip: 'x',
  },
  { name: 'a body', face: 'admin', first: post('admin', '/admin/users', 'Content-Length: 900'), drip: 'x' },
  { name: 'a body', face: 'mcp', first: post('mcp', '/mcp', 'Content-Length: 900'), drip: 'x' },
  {
    name: 'a body',
    face: 'dashboard',
    first: post('dashboard', '/api/throttles', 'Content-Length: 900'),
    drip: 'x',
  },
  { name: 'headers', face: 'dashboard', first: () => 'GET / HTTP/1.1\r\nHost: a\r\n', drip: 'X-A: b\r\n' },
  { name: 'nothing at all', face: 'gateway', first: () => '', drip: '' },
]

/** A crowd of clients that never get done: each must be hung up on, and others be served meanwhile. */
const crowds = (crowd: number): Attack[] =>
  SLOW.map(({ name, face, first, drip }) => ({
    name: `${crowd} clients with ${name}`,
    face,
    async run(target): Promise<Outcome> {
      const { port, tls } = target.faces[face]
      const open = new Set<Socket>()
      for (let i = 0; i < crowd; i++) {
        const socket = openRaw(port, tls)
        open.add(socket)
        socket.once('close', () => open.delete(socket)).resume()
        socket.once(tls ? 'secureConnect' : 'connect', () => socket.write(first(target)))
      }
      const startedMs = performance.now()
      let served = await target.fault()
      while (open.size > 0 && performance.now() - startedMs < LIMIT_MS) {
        await new Promise(resolve => setTimeout(resolve, DRIP_MS))
        if (drip !== '') for (const socket of open) socket.write(drip)
      }
      served ??= await target.fault()
      const seconds = Math.round((performance.now() - startedMs) / 1_000)
      const told = `${open.size} of ${crowd} open after ${seconds} s${served === undefined ? '' : `; ${served}`}`
      for (const socket of open) socket.destroy()
      return { kind: open.size === 0 && served === undefined ? 'refused' : 'wrong', told }
    },
  }))

const slowRead = (crowd: number): Attack => ({
  name: `${crowd} clients that take nothing of an endless answer`,
  face: 'gateway',
  async run(target): Promise<Outcome> {
    const { port, tls } = target.faces.gateway
    const sockets = Array.from({ length: crowd }, () => {
      const socket = openRaw(port, tls)
      socket.pause()
      socket.once('secureConnect', () =>
        socket.write(
          bytesOf(target, 'gateway', {
            method: 'POST',
            path: ENDLESS,
            body: '{"model":"m"}',
            headers: ['Content-Type: application/json'],
          }),
        ),
      )
      return socket
    })
    const startedMs = performance.now()
    const passed = () => performance.now() - startedMs
    while (target.models.endless() < crowd && passed() < LIMIT_MS / 2) await tick()
    const begun = target.models.endless()
    while (target.models.endless() > 0 && passed() < LIMIT_MS) await tick()
    const left = target.models.endless()
    for (const socket of sockets) socket.destroy()
    const told = `${begun} began, ${left} left after ${Math.round(passed() / 1_000)} s`
    return { kind: begun > 0 && left === 0 ? 'refused' : 'wrong', told }
  },
})

const handshakes = (crowd: number): Attack => ({
  name: `${crowd} TLS handshakes that do not go on`,
  face: 'gateway',
  async run(target): Promise<Outcome> {
    const open = new Set<Socket>()
    for (let i = 0; i < crowd; i++) {
      const socket = openRaw(target.faces.gateway.port)
      open.add(socket)
      socket.once('close', () => open.delete(socket)).resume()
      socket.once('connect', () => socket.write(Buffer.from('16030100a5010000a10303', 'hex')))
    }
    const startedMs = performance.now()
    while (open.size > 0 && performance.now() - startedMs < LIMIT_MS) await tick()
    for (const socket of open) socket.destroy()
    return { kind: open.size === 0 ? 'refused' : 'wrong', told: `${open.size} of ${crowd} open` }
  },
})

const tick = () => new Promise(resolve => setTimeout(resolve, 100))

export const SLOW_CLIENTS = 'slow clients'

/** They wait for time limits, and so run beside the others. @param crowd clients of each kind */
export const slowFamily = (crowd: number): Family => ({
  name: SLOW_CLIENTS,
  inputs: `${crowd} at once: heads, bodies, chunks, handshakes, silence, answers that are not read`,
  parallel: SLOW.length + 2,
  attacks: [...crowds(crowd), slowRead(crowd), handshakes(crowd)],
})
