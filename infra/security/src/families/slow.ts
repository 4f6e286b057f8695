import type { Socket } from 'node:net'
import { openRaw } from '@fluxgate/gateway/testing'
import type { Attack, Family, Outcome } from '../attack.ts'
import { ENDLESS } from '../model-server.ts'
import { bytesOf } from '../request.ts'
import type { ApiName, Target } from '../target.ts'

const LIMIT_MS = 40_000
const DRIP_MS = 400

interface Slow {
  readonly name: string
  readonly api: ApiName
  /** What is written at once, and then again and again. */
  readonly first: (target: Target) => Buffer | string
  readonly drip: string
}

const post = (api: ApiName, path: string, header: string) => (target: Target) =>
  bytesOf(target, api, { method: 'POST', path, headers: ['Content-Type: application/json', header] })

const SLOW: readonly Slow[] = [
  {
    name: 'headers',
    api: 'gateway',
    first: () => 'GET /api/ps HTTP/1.1\r\nHost: a\r\n',
    drip: 'X-A: b\r\n',
  },
  { name: 'a request line', api: 'gateway', first: () => 'GET /', drip: 'a' },
  {
    name: 'a body',
    api: 'gateway',
    first: post('gateway', '/v1/chat/completions', 'Content-Length: 90000'),
    drip: 'x',
  },
  {
    name: 'chunks',
    api: 'gateway',
    first: post('gateway', '/v1/chat/completions', 'Transfer-Encoding: chunked'),
    drip: '1\r\nx\r\n',
  },
  {
    name: 'a body',
    api: 'portal',
    first: post('portal', '/portal/login', 'Content-Length: 900'),
    drip: 'x',
  },
  { name: 'a body', api: 'admin', first: post('admin', '/admin/users', 'Content-Length: 900'), drip: 'x' },
  { name: 'a body', api: 'mcp', first: post('mcp', '/mcp', 'Content-Length: 900'), drip: 'x' },
  {
    name: 'a body',
    api: 'dashboard',
    first: post('dashboard', '/api/throttles', 'Content-Length: 900'),
    drip: 'x',
  },
  { name: 'headers', api: 'dashboard', first: () => 'GET / HTTP/1.1\r\nHost: a\r\n', drip: 'X-A: b\r\n' },
  { name: 'nothing at all', api: 'gateway', first: () => '', drip: '' },
]

/** A crowd of clients that never get done: each must be hung up on, and others be served meanwhile. */
const crowds = (crowd: number): Attack[] =>
  SLOW.map(({ name, api, first, drip }) => ({
    name: `${crowd} clients with ${name}`,
    api,
    async run(target): Promise<Outcome> {
      const { port, tls } = target.apis[api]
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
      const reported = `${open.size} of ${crowd} open after ${seconds} s${served === undefined ? '' : `; ${served}`}`
      for (const socket of open) socket.destroy()
      return { kind: open.size === 0 && served === undefined ? 'refused' : 'wrong', reported }
    },
  }))

const slowRead = (crowd: number): Attack => ({
  name: `${crowd} clients that take nothing of an endless answer`,
  api: 'gateway',
  async run(target): Promise<Outcome> {
    const { port, tls } = target.apis.gateway
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
    const reported = `${begun} began, ${left} left after ${Math.round(passed() / 1_000)} s`
    return { kind: begun > 0 && left === 0 ? 'refused' : 'wrong', reported }
  },
})

const handshakes = (crowd: number): Attack => ({
  name: `${crowd} TLS handshakes that do not go on`,
  api: 'gateway',
  async run(target): Promise<Outcome> {
    const open = new Set<Socket>()
    for (let i = 0; i < crowd; i++) {
      const socket = openRaw(target.apis.gateway.port)
      open.add(socket)
      socket.once('close', () => open.delete(socket)).resume()
      socket.once('connect', () => socket.write(Buffer.from('16030100a5010000a10303', 'hex')))
    }
    const startedMs = performance.now()
    while (open.size > 0 && performance.now() - startedMs < LIMIT_MS) await tick()
    for (const socket of open) socket.destroy()
    return { kind: open.size === 0 ? 'refused' : 'wrong', reported: `${open.size} of ${crowd} open` }
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
