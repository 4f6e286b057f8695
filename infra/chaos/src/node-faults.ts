import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '@fluxgate/testing'
import pg from 'pg'
import { type Blow, type Fault, MAIN } from './fault.ts'
import { Load } from './load.ts'

const NODES = 12
const NODE_LOAD_MS = 3_000
/** Clients that reset, each a little later in its call than the one before. */
const RESETS = 120
const RESET_STEP_MS = 4
/** For so long nobody can be looked up: a reset meets the look-up of its key. */
const LOCKED_MS = 400

/** What happens to gateways and their callers. */
export const NODE_FAULTS: readonly Fault[] = [
  { name: 'twelve gateways started at once', kind: MAIN, strike: twelveAtOnce },
  { name: 'clients reset at every moment', kind: MAIN, strike: resets },
]

/** Twelve more nodes on the folder of the first, all at the same moment; half of them are killed, half stop in order. */
async function twelveAtOnce({ env, load }: Blow): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const nodes = await Promise.all(Array.from({ length: NODES }, (_, i) => env.newNode(`chaos-${i + 2}`)))
  for (const { process } of nodes) stack.use(process)
  await Promise.all(nodes.map(({ process }) => process.start()))
  const loads = nodes.map(({ origin }) => new Load({ origin, keys: env.keys, callers: 1 }))
  await sleep(NODE_LOAD_MS)
  await Promise.all(loads.map(each => eventually(() => each.figures.complete > 0, { timeoutMs: 60_000 })))
  const stops = nodes.map(({ process }, i) => process.stop(i % 2 === 0 ? 'SIGKILL' : 'SIGTERM'))
  await Promise.all([...stops, ...loads.map(each => each.stop())])
  for (const each of loads) load.seen.push(...each.seen)
  for (const { process } of nodes) assert.doesNotMatch(process.output, /uncaught|ENOENT/i, process.output)
}

/**
 * Callers with keys that the gateway does not know yet reset their connections at every moment of their calls: while the
 * head is read, while the key is looked up (which a lock in Postgres makes slow), before the upstream has answered, and
 * in the stream. Afterwards nothing is in flight.
 */
async function resets({ env, load }: Blow): Promise<void> {
  const keys = await Promise.all(Array.from({ length: RESETS }, (_, i) => env.newKey(`reset-${i}`)))
  const client = new pg.Client({ connectionString: env.databaseUrl })
  await client.connect()
  try {
    await client.query('begin; lock table api_keys in access exclusive mode')
    const calls = keys.map((key, i) => resetAfter(env.origin, key, i % 2 === 0, i * RESET_STEP_MS))
    await sleep(LOCKED_MS)
    await client.query('commit')
    await Promise.all(calls)
  } finally {
    await client.end()
  }
  // The callers that stay are served, and what the others held is free again.
  const before = load.figures.complete
  await eventually(() => load.figures.complete > before + 2 * RESETS, { timeoutMs: 60_000 })
}

async function resetAfter(origin: string, key: string, stream: boolean, ms: number): Promise<void> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  const body = JSON.stringify({
    model: 'phi4-mini',
    stream,
    max_tokens: 24,
    messages: [{ role: 'user', content: 'Tell me something.' }],
  })
  const head = [
    'POST /v1/chat/completions HTTP/1.1',
    'host: localhost',
    `authorization: Bearer ${key}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  await sleep(ms)
  socket.resetAndDestroy()
}
