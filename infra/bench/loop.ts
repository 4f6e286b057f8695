import { readFile } from 'node:fs/promises'
import { factFilter, parseEvent, TokensSettled } from '@fluxgate/contracts'
import { connectNats, LIVE_PREFIX } from '@fluxgate/nats'
import { Agent, fetch } from 'undici'
import { startSystem } from '../e2e/system.ts'

/**
 * The loop, `npm run bench:loop [-- runs]`: how long from the flooding request to the enforced throttle, over as many
 * fresh identities. Two clocks: `loop` from the publish of the crossing settlement to the throttle's arrival at every
 * watcher, as a NATS subscriber sees both; `client` from the end of the crossing answer to the first 429.
 */
const RUNS = Number(process.argv[2] ?? 50)
const MAX_CALLS = 100
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

const lastSettledMs = new Map<string, number>()
const loops = new Map<string, number>()
link.connection.subscribe(factFilter(TokensSettled), {
  callback: (_error, message) => {
    const parsed = parseEvent(message.data)
    if (parsed.ok && !loops.has(parsed.value.subject))
      lastSettledMs.set(parsed.value.subject, performance.now())
  },
})
const live = `${LIVE_PREFIX}.throttles.`
link.connection.subscribe(`${live}>`, {
  callback: (_error, message) => {
    const identity = message.subject.slice(live.length)
    const settledMs = lastSettledMs.get(identity)
    if (settledMs !== undefined && !loops.has(identity)) loops.set(identity, performance.now() - settledMs)
  },
})
await link.connection.flush()

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
  if (!loops.has(identity)) throw new Error(`run ${run}: refused, but no throttle was seen`)
}
report('loop: settled published → throttle at every watcher', [...loops.values()])
report('client: end of the crossing answer → first 429', clients)
await dispatcher.close()

async function newKey(user: string): Promise<{ key: string; identity: string }> {
  const response = await fetch(`${connection.adminUrl}/admin/keys/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${connection.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: user }),
  })
  const { key, id } = (await response.json()) as { key: string; id: string }
  return { key, identity: `${user}.${id}` }
}

async function call(key: string): Promise<number> {
  const response = await fetch(`${connection.publicUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'phi4-mini',
      max_tokens: 20,
      messages: [{ role: 'user', content: PROMPT }],
    }),
    dispatcher,
  })
  await response.arrayBuffer()
  return response.status
}

function report(what: string, values: number[]): void {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2)
  console.log(`${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms, ${sorted.length} runs`)
}
