import {
  BudgetCrossed,
  eventMaker,
  IncidentAcknowledged,
  IncidentClosed,
  IncidentJoined,
  IncidentOpened,
  IncidentReported,
  KeyAccepted,
  KeyRejected,
  LoginFailed,
  type OutgoingEvent,
  RequestAdmitted,
  RequestCompleted,
  RequestFailed,
  RequestInterrupted,
  RequestRefused,
  ThrottleImposed,
  ThrottlePardoned,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'

export interface WorkloadOptions {
  readonly requests: number
  readonly users?: number
  readonly requestsPerSecond?: number
  readonly startMs?: number
  readonly seed?: number
  /** After how many requests each other event comes; by default each has a number of its own. */
  readonly factsEvery?: number
}

const MODELS = ['phi4-mini', 'llama3.2', 'qwen3', 'gpt-4.1-mini', 'claude-sonnet']

/**
 * A log as gateways write it, the same for the same options: mostly admitted, completed and settled requests, some
 * refused, failed and interrupted, long streams with progress, and the other streams' events in between. Ordered by time.
 */
export function workload(options: WorkloadOptions): OutgoingEvent[] {
  const { requests, users = 200, requestsPerSecond = 2_000, startMs = Date.UTC(2026, 10, 23, 5) } = options
  const random = generator(options.seed ?? 1)
  const found: Array<{ atMs: number; outgoing: OutgoingEvent }> = []
  let ids = 0
  let nowMs = startMs
  const make = eventMaker(
    '/gateway/node-1/boot-1',
    () => `01TEST${String(ids++).padStart(20, '0')}`,
    () => nowMs,
  )
  const add: typeof make = (definition, data, extra) => {
    const outgoing = make(definition, data, extra)
    found.push({ atMs: Date.parse(outgoing.event.time), outgoing })
    return outgoing
  }
  for (let i = 0; i < requests; i++) {
    nowMs = startMs + Math.floor((i * 1_000) / requestsPerSecond)
    const user = `user_${Math.floor(random() ** 2 * users)}`
    const identity = { user, key: `key_${user}_${Math.floor(random() * 2)}` }
    addRequest(add, requestId(nowMs, i), identity, nowMs, random)
    const isDue = (every: number) => i % (options.factsEvery ?? every) === 0
    if (isDue(97)) add(KeyAccepted, { ...identity, address: '10.0.0.9', count: 1 + (i % 5) })
    if (isDue(293)) addLoginFailure(add, i)
    if (isDue(211)) addBudgetCrossing(add, identity, i, nowMs)
    if (isDue(499)) addIncident(add, identity, i, nowMs)
  }
  return found.sort((a, b) => a.atMs - b.atMs).map(entry => entry.outgoing)
}

/** What another node refused strangers, of which {@link workload} has nothing. */
export function refusals(count: number): OutgoingEvent[] {
  let ids = 0
  const make = eventMaker(
    '/gateway/node-2/boot-1',
    () => `01REFUSAL${String(ids++).padStart(17, '0')}`,
    Date.now,
  )
  return Array.from({ length: count }, (_, i) =>
    make(KeyRejected, {
      user: 'anonymous',
      key: `stranger-${i}`,
      request: `req_stranger_${i}`,
      address: '192.0.2.1',
      reason: 'unknown' as const,
      count: i + 1,
      windowMs: 1_000,
    }),
  )
}

/** As gateways make them: the time in the first ten characters of a ULID. */
export function requestId(atMs: number, i: number): string {
  let time = ''
  for (let left = atMs, digits = 0; digits < 10; digits++, left = Math.floor(left / 32)) {
    time = `${'0123456789ABCDEFGHJKMNPQRSTVWXYZ'[left % 32]}${time}`
  }
  return `req_${time}${String(i).padStart(16, '0')}`
}

type Add = ReturnType<typeof eventMaker>
type Identity = { user: string; key: string }

function addRequest(add: Add, request: string, identity: Identity, atMs: number, random: () => number): void {
  const model = MODELS[Math.floor(random() * MODELS.length)]!
  const common = { request, ...identity, model }
  const asked = {
    method: 'POST',
    path: '/v1/chat/completions',
    address: `10.0.${Math.floor(random() * 200)}.7`,
  }
  if (random() < 0.04) {
    const reason = random() < 0.5 ? ('rate_limited' as const) : ('throttled' as const)
    const counted = { status: 429, retryAfterMs: 1_500, count: 1, windowMs: 0 }
    add(RequestRefused, { ...common, ...asked, reason, ...counted }, { timeMs: atMs })
    return
  }
  const prompt = 20 + Math.floor(random() * 800)
  const completion = 10 + Math.floor(random() * 500)
  const reserved = prompt + 512
  const about = { tier: 'free' as const, refillRate: 100 }
  add(
    RequestAdmitted,
    {
      ...common,
      ...asked,
      tier: about.tier,
      dialect: 'openai',
      stream: true,
      agent: 'openai-python/1.99',
      promptChars: prompt * 4,
      promptEstimate: prompt,
      reserved,
    },
    { timeMs: atMs },
  )
  const durationMs = Math.round(50 + random() ** 3 * 4_000) + 0.25
  const endMs = atMs + Math.ceil(durationMs)
  const ending = {
    ...common,
    upstream: 'http://10.1.0.2:11434',
    durationMs,
    firstByteMs: 20.5,
    bytes: completion * 120,
  }
  const outcome = random()
  let progressed = 0
  for (let elapsedMs = 1_000; elapsedMs < durationMs; elapsedMs += 1_000) {
    const soFar = Math.floor((completion * elapsedMs) / durationMs)
    const delta = prompt + soFar - progressed
    progressed = prompt + soFar
    const count = { prompt, completion: soFar, delta, elapsedMs }
    add(TokensProgressed, { ...common, ...about, ...count }, { timeMs: atMs + elapsedMs })
  }
  if (outcome < 0.95) add(RequestCompleted, { ...ending, status: 200 }, { timeMs: endMs })
  else if (outcome < 0.98) {
    const failure = { phase: 'stream' as const, code: 'UND_ERR_SOCKET', message: 'other side closed' }
    add(RequestFailed, { ...ending, ...failure, status: 502 }, { timeMs: endMs })
  } else add(RequestInterrupted, { ...ending, by: 'client', status: 200 }, { timeMs: endMs })
  const usage = { input: prompt, cachedInput: prompt >> 2, output: completion, reasoning: completion >> 1 }
  const count = { usage, total: prompt + completion, reserved, progressed }
  const price = { costMicros: prompt * 3 + completion * 12 }
  add(
    TokensSettled,
    { ...common, ...about, ...count, ...price, upstream: ending.upstream, source: 'reported' },
    { timeMs: endMs },
  )
}

function addLoginFailure(add: Add, i: number): void {
  const account = i.toString(16).padStart(32, '0')
  const identity = { user: 'anonymous', key: 'portal' }
  add(LoginFailed, { ...identity, account, address: '10.9.9.9', reason: 'wrong_credentials' })
}

function addBudgetCrossing(add: Add, identity: Identity, i: number, atMs: number): void {
  add(BudgetCrossed, {
    ...identity,
    request: requestId(atMs, i),
    budget: 'monthly',
    each: 'user',
    holder: identity.user,
    period: 'month',
    periodStart: Date.UTC(2026, 10),
    level: i % 2 === 0 ? 'soft' : 'hard',
    unit: 'usd',
    limit: 12.5,
    used: 12.5 + i / 8,
  })
}

function addIncident(add: Add, identity: Identity, i: number, atMs: number): void {
  const incident = `inc_${String(i).padStart(12, '0')}`
  const rule = 'context_flood'
  const evidence = [{ stream: 'TOKENS', sequence: i + 1 }]
  const until = atMs + 60_000
  add(ThrottleImposed, {
    ...identity,
    capacity: 100,
    refillRate: 10,
    until,
    reason: 'token drain',
    rule,
    actor: 'guard',
    incident,
    endStreams: i % 2 === 1,
  })
  add(IncidentOpened, {
    incident,
    ...identity,
    rule,
    severity: 'high',
    explanation: 'burnt 900 tokens in 2 s',
    numbers: { tokens: 900, windowMs: 2_000 },
    evidence,
    action: 'throttled',
    until,
  })
  const report = {
    verdict: 'abuse' as const,
    confidence: 0.75,
    severity: 'high' as const,
    summary: 's',
    likelyCause: 'c',
    recommendedAction: 'a',
    evidence,
  }
  add(IncidentReported, { incident, source: 'facts', report }, { timeMs: atMs + 5 })
  const joined = { incident, ...identity, rule, into: 'inc_000000000000', findings: 2 + i }
  if (i > 0) add(IncidentJoined, joined, { timeMs: atMs + 6 })
  if (i % 2 === 0) return
  add(IncidentReported, { incident, source: 'model', model: 'phi4-mini', report }, { timeMs: atMs + 4_000 })
  add(IncidentAcknowledged, { incident, actor: 'operator:ann', note: 'looking' }, { timeMs: atMs + 5_000 })
  add(
    ThrottlePardoned,
    { ...identity, actor: 'operator:ann', reason: 'customer', incident },
    { timeMs: atMs + 5_500 },
  )
  add(IncidentClosed, { incident, actor: 'operator:ann', reason: 'done' }, { timeMs: atMs + 6_000 })
}

/** mulberry32: small, seeded, good enough for a workload. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
