import { DAY_MS, HOUR_MS, IncidentOpened, IncidentReported, ThrottleShadowed } from '@fluxgate/contracts'
import { buryEvent } from '@fluxgate/nats'
import { createKey, createUser, type NewRow } from '@fluxgate/read-model'
import { DEVELOPER, OPERATOR, type TestEnv } from './test-env.ts'

const MODELS = ['phi4-mini', 'llama3.2:3b', 'qwen3:8b']
const KEY = 'k_laptop'
/** Who uses the gateway besides the developer, and how much of what the developer does. */
const OTHERS = [
  { id: 'u_search', email: 'search-team@example.com', key: 'k_prod', tier: 'pro', weight: 0.62 },
  { id: 'u_nadia', email: 'nadia@example.com', key: 'k_notebook', tier: 'free', weight: 0.27 },
  { id: 'u_ci', email: 'ci@example.com', key: 'k_pipeline', tier: 'pro', weight: 0.11 },
] as const
const USERS = [{ id: DEVELOPER.id, key: KEY, weight: 1 }, ...OTHERS]

const MORE_INCIDENTS = [
  {
    rule: 'keySharing',
    severity: 'medium' as const,
    explanation: 'One key was used from 9 addresses in 1 min, 5 are allowed.',
  },
  {
    rule: 'errorProbing',
    severity: 'low' as const,
    explanation: '41 of 44 calls in 1 min were answered with a client error.',
  },
]

export const INCIDENT = 'inc_00000000c1'
export const IDENTITY = `${DEVELOPER.id}.${KEY}`

/** A picture of a month: what every view has something to show of. */
export async function seed(testEnv: TestEnv): Promise<void> {
  const now = Date.now()
  const key = { userId: DEVELOPER.id, hash: Buffer.alloc(32, 1), prefix: 'sk_live_4f2a', last4: '9c1e' }
  await createKey(testEnv.db, { ...key, id: KEY, name: 'laptop', createdAt: now - 20 * DAY_MS })
  for (const [i, { id, email, key: keyId, tier }] of OTHERS.entries()) {
    const createdAt = now - (i + 4) * DAY_MS
    await createUser(testEnv.db, { id, email, tier, role: 'developer', createdAt })
    const secret = { hash: Buffer.alloc(32, i + 2), prefix: `sk_live_7c${i}e`, last4: `b${i}4d` }
    await createKey(testEnv.db, { ...secret, id: keyId, userId: id, name: keyId.slice(2), createdAt })
  }
  await seedUsage(testEnv, now)
  await seedEvents(testEnv, now)
  await testEnv.db
    .insertInto('projection_checkpoints')
    .values(
      ['REQUESTS', 'TOKENS', 'AUTH'].map(stream => ({
        projection: 'read-model',
        version: 1,
        stream,
        sequence: 1,
        updated_at: new Date(now),
      })),
    )
    .execute()
}

async function seedUsage({ db, gateway }: TestEnv, now: number): Promise<void> {
  const steps = [
    ...Array.from({ length: 120 }, (_, i) => ['minute', Math.floor(now / 60_000 - i) * 60_000] as const),
    ...Array.from({ length: 400 }, (_, i) => ['hour', Math.floor(now / HOUR_MS - i) * HOUR_MS] as const),
    ...Array.from({ length: 62 }, (_, i) => ['day', Math.floor(now / DAY_MS - i) * DAY_MS] as const),
  ]
  for (const [grain, at] of steps) {
    const weight = { minute: 1, hour: 60, day: 1_440 }[grain]
    const usage = USERS.flatMap(user =>
      MODELS.map((model, i) => usageRow(user, model, at, (weight * user.weight) / (i + 1))),
    )
    const time = { [grain]: new Date(at) }
    await db
      .insertInto(`usage_${grain}s`)
      .values(usage.map(row => ({ ...row, ...time })) as NewRow<'usage_minutes'>[] as never)
      .execute()
    const latency = MODELS.flatMap((model, i) => latencyRows(model, at, i))
    await db
      .insertInto(`latency_${grain}s`)
      .values(latency.map(row => ({ ...row, ...time })) as never)
      .execute()
  }
  await db
    .insertInto('requests')
    .values(
      Array.from({ length: 300 }, (_, i) => ({
        request_id: `request_${String(i).padStart(6, '0')}`,
        user_id: DEVELOPER.id,
        key_id: KEY,
        state: i % 9 === 0 ? ('refused' as const) : ('completed' as const),
        at: new Date(now - i * 700),
        source: `/gateway/gw-${'ab'[i % 2]}/1`,
        duration_ms: 200 + (i % 50) * 9,
        total_tokens: 100,
      })),
    )
    .execute()
  gateway.admin.levels[IDENTITY] = 42
}

/** A day's wave, so that charts look like charts. */
function wave(at: number): number {
  return 1.4 + Math.sin((at / DAY_MS) * 2 * Math.PI) + 0.3 * Math.sin(at / 400_000)
}

function usageRow(user: { id: string; key: string }, model: string, at: number, weight: number) {
  const requests = Math.round(40 * weight * wave(at))
  const [refused, failed] = [Math.round(requests * 0.04), Math.round(requests * 0.006)]
  const tokens = requests * 310
  return {
    user_id: user.id,
    key_id: user.key,
    model,
    upstream: 'ollama-a',
    admitted: requests,
    refused,
    completed: requests - failed,
    failed,
    interrupted: 0,
    settled: requests,
    prompt_tokens: Math.round(tokens * 0.4),
    total_tokens: tokens,
    completion_tokens: tokens - Math.round(tokens * 0.4),
    cost_micros: tokens * 2,
    bytes: tokens * 4,
    duration_ms_sum: requests * 900,
    first_byte_ms_sum: requests * 200,
    first_byte_count: requests,
  }
}

function latencyRows(model: string, at: number, i: number) {
  const middle = Math.round(74 + 4 * i + 2 * wave(at))
  return [-8, 0, 8, 16].flatMap((offset, rank) => {
    const count = [20, 60, 15, 2][rank]!
    const shared = { model, upstream: 'ollama-a', count }
    return [
      { ...shared, measure: 'duration' as const, bucket: middle + offset },
      { ...shared, measure: 'first_byte' as const, bucket: middle - 18 + offset },
    ]
  })
}

async function seedEvents(testEnv: TestEnv, now: number): Promise<void> {
  const { publisher, make, db } = testEnv
  const about = { user: DEVELOPER.id, key: KEY }
  const finding = {
    ...about,
    rule: 'contextFlood',
    severity: 'high' as const,
    numbers: { consumedTokens: 8_231 },
    explanation: 'Used 8,231 tokens in 2 s, 300 are allowed.',
    evidence: [],
  }
  await publisher.publish(make(IncidentOpened, { ...finding, incident: INCIDENT, action: 'throttled' }))
  await publisher.publish(
    make(IncidentReported, {
      incident: INCIDENT,
      source: 'model',
      model: 'phi4-mini',
      report: {
        verdict: 'misconfiguration',
        confidence: 0.82,
        severity: 'high',
        summary:
          'One key sent the same long prompt forty times in a minute, as a retry loop without a pause does.',
        likelyCause: 'A batch job that repeats at once when it is refused.',
        recommendedAction: 'Ask the owner to wait as retry-after says; pardon when the job has been changed.',
        evidence: [{ stream: 'TOKENS', sequence: 1 }],
      },
    }),
  )
  for (const [i, { rule, severity, explanation }] of MORE_INCIDENTS.entries()) {
    const { id: user, key } = OTHERS[i % OTHERS.length]!
    const id = `inc_00000000d${i}`
    const facts = { user, key, rule, severity, explanation, numbers: {}, evidence: [] }
    await publisher.publish(make(IncidentOpened, { ...facts, incident: id, action: 'observed' }))
  }
  await testEnv.penaltyBox.impose(about, {
    capacity: 100,
    refillRate: 10,
    imposedAt: now,
    until: now + 540_000,
    incident: INCIDENT,
    reason: 'Used 8,231 tokens in 2 s',
    rule: 'contextFlood',
    actor: 'guard',
  })
  const shadow = { ...finding, incident: 'inc_00000000s2', action: 'throttle' as const, until: now + 60_000 }
  await publisher.publish(make(ThrottleShadowed, shadow))
  await seedAuthEvents(db, now)
  testEnv.traffic.request(about, 'completed', 120)
  await publisher.flush()
  const first = { stream: 'TOKENS', sequence: 1 }
  const reason = 'gave up after 100 attempts: connection refused'
  await buryEvent(testEnv.link, 'incident-reporter', first, reason, new AbortController().signal)
}

async function seedAuthEvents(db: TestEnv['db'], now: number): Promise<void> {
  const changes = [
    ['user_registered', 'self', {}],
    ['key_created', 'self', { name: 'laptop' }],
    ['tier_changed', `operator:${OPERATOR.id}`, { from: 'pro', to: 'free' }],
  ] as const
  await db
    .insertInto('auth_events')
    .values(
      changes.map(([fact, actor, detail], i) => ({
        event_id: `event-${i}`,
        sequence: i + 1,
        at: new Date(now - (3 - i) * DAY_MS),
        fact,
        user_id: DEVELOPER.id,
        key_id: 'portal',
        actor,
        detail: JSON.stringify(detail),
      })),
    )
    .execute()
}

/** Two nodes that live, until told to stop. */
export function renewNodes(testEnv: TestEnv): () => void {
  const started = Date.now() - HOUR_MS
  const beat = () => {
    for (const [i, node] of ['gw-a', 'gw-b'].entries()) {
      const record = { node, address: `10.0.0.${11 + i}`, port: 8443, started, heartbeat: Date.now() }
      void testEnv.nodes.put(node, record)
    }
  }
  beat()
  const timer = setInterval(beat, 1_000)
  return () => clearInterval(timer)
}
