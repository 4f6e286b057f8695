import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { IncidentOpened, incidentSubject, type Throttle } from '@fluxgate/contracts'
import { connectNats } from '@fluxgate/nats'
import { Agent, fetch } from 'undici'
import { startSystem } from '../e2e/system.ts'
import { quantile } from './harness/line.ts'

/**
 * The loop, `npm run fluxgate -- bench:loop [--runs 50 --callers 8 --json]`: how long from the flooding request to the enforced
 * throttle, over as many fresh identities. `loop`: from the crossing settlement in its stream, the newest event that the
 * incident cites, to the throttle in its bucket, both by the clock of the NATS server, which republishes the throttle to
 * every gateway as it stores it. `client`:
 * from the end of the crossing answer to the first 429, which also holds the calls that were let through in between. Other
 * callers keep the gateway busy meanwhile, each with a key of its own, below its limits.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    callers: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
})
const RUNS = Number(values.runs)
const CALLERS = Number(values.callers)
const MAX_CALLS = 100
const BOUNDS_MS = [1, 2, 3, 4, 5, 7, 10, 20, 50, 100, Number.POSITIVE_INFINITY]
const BAR_CHARS = 50
const PAUSE_MS = 50
const MAX_LOOKS = 100
const LOOK_MS = 10
const PROMPT = 'flood '.repeat(150)

await using system = await startSystem()
const { connection } = system
const dispatcher = new Agent({
  allowH2: false,
  connect: { ca: await readFile(connection.tlsCertPath, 'utf8') },
})
await using link = await connectNats(
  { url: connection.natsUrl, name: 'bench' },
  { info() {}, warn() {}, error() {} },
)

const stopLoad = new AbortController()
const load = Promise.all(Array.from({ length: CALLERS }, (_, i) => ordinary(`ordinary-${i}`)))
let served = 0
const loops: number[] = []
const clients: number[] = []
for (let run = 0; run < RUNS; run++) {
  const { key, identity } = await newKey(`bench-${run}`)
  let answeredMs = performance.now()
  let status = 200
  for (let calls = 0; status === 200 && calls < MAX_CALLS; calls++) {
    status = await call(key)
    if (status === 200) answeredMs = performance.now()
  }
  if (status !== 429) throw new Error(`run ${run} ended with ${status}`)
  clients.push(performance.now() - answeredMs)
  const throttle = await last('KV_throttles', `$KV.throttles.${identity}`)
  loops.push(throttle.storedMs - (await crossingMs(throttle.json<Throttle>().incident!)))
}
stopLoad.abort()
await load
await dispatcher.close()
if (values.json) console.log(JSON.stringify({ loopMs: loops, clientMs: clients, served }))
else {
  console.log(`${served} ordinary calls were answered meanwhile`)
  report('loop: crossing settlement stored → throttle stored and republished', loops)
  report('client: end of the crossing answer → first 429', clients)
}

/** Calls on and on; a limit that is reached is waited out. */
async function ordinary(user: string): Promise<void> {
  const { key } = await newKey(user)
  while (!stopLoad.signal.aborted) {
    if ((await call(key, 'hello', 1)) === 200) served++
    await sleep(PAUSE_MS)
  }
}

/** When the newest of the incident's evidence was stored. The flooder's later calls, in flight meanwhile, are not in it. */
async function crossingMs(incident: string): Promise<number> {
  const { json } = await last('INCIDENTS', incidentSubject(IncidentOpened, incident))
  const { evidence } = json<{ data: { evidence: { stream: string; sequence: number }[] } }>().data
  const stored = evidence.map(({ stream, sequence }) => storedMessage(stream, { seq: sequence }))
  return Math.max(...(await Promise.all(stored)).map(message => message.storedMs))
}

/** The last message of a subject, as soon as there is one: the incident is stored beside the throttle, not before it. */
async function last(stream: string, subject: string): Promise<StoredMessage> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await storedMessage(stream, { last_by_subj: subject })
    } catch (error) {
      if (attempt === MAX_LOOKS) throw error
      await sleep(LOOK_MS)
    }
  }
}

interface StoredMessage {
  /** By the server's clock, with its nanoseconds. */
  readonly storedMs: number
  json<T>(): T
}

async function storedMessage(
  stream: string,
  query: { seq: number } | { last_by_subj: string },
): Promise<StoredMessage> {
  const message = await link.manager.streams.getMessage(stream, query)
  const [seconds, fraction = '0'] = message.timestamp.replace('Z', '').split('.')
  const storedMs = Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1_000
  return { storedMs, json: <T>() => message.json() as T }
}

async function newKey(user: string): Promise<{ key: string; identity: string }> {
  const response = await fetch(`${connection.adminUrl}/admin/keys/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${connection.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: user }),
  })
  const { key, id } = (await response.json()) as { key: string; id: string }
  return { key, identity: `${user}.${id}` }
}

async function call(key: string, prompt = PROMPT, maxTokens = 20): Promise<number> {
  const response = await fetch(`${connection.publicUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'phi4-mini',
      max_tokens: maxTokens,
      messages: [{ role: 'user', content: prompt }],
    }),
    dispatcher,
  })
  await response.arrayBuffer()
  return response.status
}

function report(what: string, values: number[]): void {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => quantile(sorted, share).toFixed(2)
  console.log(`\n${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms, ${sorted.length} runs`)
  let below = 0
  for (const [i, bound] of BOUNDS_MS.entries()) {
    const upTo = sorted.filter(value => value <= bound).length
    const from = i === 0 ? 0 : BOUNDS_MS[i - 1]!
    const range = bound === Number.POSITIVE_INFINITY ? `over ${from}` : `${from} to ${bound}`
    const count = upTo - below
    below = upTo
    const bar = '#'.repeat(Math.ceil((count / sorted.length) * BAR_CHARS))
    console.log(`  ${`${range} ms`.padStart(16)} ${String(count).padStart(5)} ${bar}`)
  }
}
