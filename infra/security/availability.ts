import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Connection } from './src/connection.ts'
import { startTarget, type Target } from './src/target.ts'

/**
 * `npm run fluxgate -- attacks:availability`: whether `/health` is answered while the gateway is attacked; the table is the one of
 * SECURITY.md. Attacks run in a thread of their own, so that they do not delay the probes.
 */
const ATTACK_MS = 10_000
/** An attack with a number of requests may take longer on a busy machine, up to this. */
const MAX_ATTACK_MS = 30_000
const PROBE_EVERY_MS = 100
const PROBE_LIMIT_MS = 2_000

const CALL = { ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json' }

interface Order {
  readonly attack: string
  readonly port: number
  readonly key: string
}

/** What an attack has: when it ends, its connections, and a count of answers by status. */
interface Attacker extends Order {
  readonly endMs: number
  readonly connections: readonly Connection[]
  sent(): number
  count(outcome: number | string): void
}

const times = <T>(count: number, make: (i: number) => T) =>
  Promise.all(Array.from({ length: count }, (_, i) => make(i)))

async function nestedBodies({ connections, key, endMs, sent, count }: Attacker): Promise<void> {
  const deep = `${'['.repeat(8_000)}${']'.repeat(8_000)}`
  const body = `{"model":"m","stream":true,"stream_options":{"a":${deep}},"messages":[]}`
  const headers = { ...CALL, authorization: `Bearer ${key}` }
  await times(8, async i => {
    while (performance.now() < endMs) {
      sent()
      count(await connections[i]!.ask(headers, body))
    }
  })
}

/** A stream that the server ends is replaced after a second. */
async function heldBodies({ connections, endMs, sent, count }: Attacker): Promise<void> {
  const bytes = Buffer.alloc(65_000, ' ')
  const holdOne = async (connection: Connection) => {
    while (performance.now() < endMs) {
      sent()
      const stream = connection.open({ ...CALL, 'content-length': 65_536 })
      let status = 0
      stream.on('response', answer => (status = answer[':status'] ?? 0))
      stream.resume().write(bytes)
      const limit = setTimeout(() => stream.destroy(), Math.max(0, endMs - performance.now()))
      await new Promise(resolve => stream.once('close', resolve))
      clearTimeout(limit)
      count(
        status ||
          `reset ${stream.rstCode}${stream.session?.destroyed !== false ? ' with its connection' : ''}`,
      )
      await sleep(1_000)
    }
  }
  await times(20 * 200, i => holdOne(connections[i % 20]!))
}

/** All at once, and other names again when they have their answers. */
async function slowQuestions({ connections, endMs, sent, count }: Attacker): Promise<void> {
  while (performance.now() < endMs) {
    await times(660, async i => {
      const label = `q${sent()}`
      const name = [label, 'slow', 'example'].map(part => String.fromCharCode(part.length) + part).join('')
      const query = Buffer.from(`\0\0\x01\0\0\x01\0\0\0\0\0\0${name}\0\0\x01\0\x01`, 'latin1')
      const headers = { ':path': `/dns-query?dns=${query.toString('base64url')}` }
      count(await connections[i % 20]!.ask({ ...headers, accept: 'application/dns-message' }))
    })
    await sleep(1_000)
  }
}

async function withoutKey({ connections, endMs, sent, count }: Attacker): Promise<void> {
  const total = 12_000
  const startMs = endMs - ATTACK_MS
  await times(100, async i => {
    for (let n = sent(); n <= total; n = sent()) {
      const nowMs = performance.now()
      if (nowMs > startMs + MAX_ATTACK_MS) return
      await sleep(Math.max(0, startMs + (n * ATTACK_MS) / total - nowMs))
      count(await connections[i % 20]!.ask(CALL, '{"model":"m"}'))
    }
  })
}

const ATTACKS: Record<string, { name: string; run(attacker: Attacker): Promise<void> }> = {
  none: { name: 'none', run: ({ endMs }) => sleep(endMs - performance.now()) },
  A1: { name: 'A1: bodies nested 8,000 deep, with an accepted key', run: nestedBodies },
  A5: { name: 'A5: 4,000 held bodies on 20 HTTP/2 connections, without a key', run: heldBodies },
  A6: { name: 'A6: 660 slow DNS questions at once', run: slowQuestions },
  A8: { name: 'A8: 12,000 requests without a key from one address', run: withoutKey },
}

/** In the thread of an attack: runs it, and posts what it sent and the statuses that came back. */
async function attackFromThread(order: Order): Promise<void> {
  const connections = Array.from({ length: 20 }, () => new Connection(order.port))
  const statuses: Record<string, number> = {}
  const count = (outcome: number | string) => (statuses[outcome] = (statuses[outcome] ?? 0) + 1)
  let requests = 0
  const endMs = performance.now() + ATTACK_MS
  await ATTACKS[order.attack]!.run({ ...order, endMs, connections, sent: () => ++requests, count })
  for (const connection of connections) connection.close()
  const counted = Object.values(statuses).reduce((sum, each) => sum + each, 0)
  parentPort!.postMessage({ requests: counted, statuses })
}

async function measure(target: Target, attack: string): Promise<string> {
  const { port } = target.apis.gateway
  const worker = new Worker(new URL(import.meta.url), { workerData: { attack, port, key: target.key } })
  let isOver = false
  const result = once(worker, 'message').finally(() => (isOver = true))
  const connection = new Connection(port)
  const probes: Promise<{ status: number; ms: number }>[] = []
  const probe = async () => {
    const startMs = performance.now()
    const status = await connection.ask({ ':path': '/health' }, '', PROBE_LIMIT_MS)
    return { status, ms: performance.now() - startMs }
  }
  for (const startMs = performance.now(); !isOver && probes.length < 600; ) {
    probes.push(probe())
    await sleep(Math.max(0, startMs + probes.length * PROBE_EVERY_MS - performance.now()))
  }
  const [{ requests, statuses }] = await result
  const answers = await Promise.all(probes)
  connection.close()
  const answered = answers.filter(({ status }) => status === 200).length
  const slowest = Math.round(Math.max(...answers.map(({ ms }) => ms)))
  const isAlive = target.ended().length === 0 ? 'yes' : 'no'
  console.error(`${attack}: answers by status (0: none) ${JSON.stringify(statuses)}`)
  return `| ${[ATTACKS[attack]!.name, requests, probes.length, answered, slowest, isAlive].join(' | ')} |`
}

/** A resolver on loopback that takes connections and never answers. */
async function startSilentResolver() {
  const sockets = new Set<Socket>()
  const server = createServer(socket => sockets.add(socket.on('error', () => {}).resume()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const dispose = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: dispose }
}

async function main(): Promise<void> {
  await using resolver = await startSilentResolver()
  const dns = { DOH_UPSTREAMS: `https://127.0.0.1:${resolver.port}/dns-query`, DOH_ACCESS: 'private' }
  await using target = await startTarget({ ...dns, REQUEST_TIMEOUT: '30s' })
  console.log(
    '| attack | requests sent | probes sent | probes answered 200 | slowest probe ms | process alive |',
  )
  console.log('|---|---|---|---|---|---|')
  for (const attack of Object.keys(ATTACKS)) console.log(await measure(target, attack))
  const fault = await target.fault()
  console.log(`\nAfterwards: ${fault ?? 'well'}; at most ${target.peakMib()} MiB in one process then.`)
  if (target.ended().length > 0) process.exitCode = 1
}

await (isMainThread ? main() : attackFromThread(workerData as Order))
