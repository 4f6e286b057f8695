import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type OutgoingEvent,
  RequestCompleted,
  RequestFailed,
  RequestRefused,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import { admitted, asked, common, entryOf, identity, make, permutations, T } from '../../test/events.ts'
import { bucketOf } from './latency.ts'
import type { KnownRequest } from './request-patch.ts'
import { foldRequests } from './requests.ts'

const ending = {
  ...common,
  model: 'phi-4',
  upstream: 'up',
  status: 200,
  durationMs: 12.6,
  firstByteMs: 3.2,
  bytes: 99,
  attempts: 2,
}
const completed = make(RequestCompleted, ending, { timeMs: T + 13 })
const spent = {
  ...common,
  tier: 'pro',
  refillRate: 1,
  upstream: 'settled-up',
  answered: 'answering',
  usage: {
    input: 8,
    cachedInput: 5,
    cacheWrite5m: 2,
    cacheWrite1h: 1,
    output: 4,
    reasoning: 3,
    audioInput: 1,
    audioOutput: 2,
    images: 1,
    tools: { webSearch: 2, fileSearch: 1 },
  },
  total: 12,
} as const
const settled = make(
  TokensSettled,
  { ...spent, reserved: 70, progressed: 0, costMicros: 77, source: 'reported' },
  { timeMs: T + 14 },
)
const progressed = make(
  TokensProgressed,
  { ...common, tier: 'pro', refillRate: 1, prompt: 8, completion: 2, delta: 10, elapsedMs: 5 },
  { timeMs: T + 5 },
)
const nothing: ReadonlyMap<string, KnownRequest> = new Map()

test('the order of the events makes no difference', () => {
  const events = [admitted, completed, settled, progressed].map(entryOf)
  const [expected, ...others] = permutations(events).map(order => foldRequests(order, nothing))
  assert.equal(others.length, 23)
  assert.deepEqual(expected!.patches, [
    {
      id: 'request_1',
      ...identity,
      state: 'completed',
      atMs: T,
      tier: 'free',
      dialect: 'openai',
      ...asked,
      model: 'phi',
      upstream: 'up',
      stream: false,
      agent: null,
      source: '/gateway/n1/b1',
      status: 200,
      reason: null,
      phase: null,
      message: null,
      retryAfterMs: null,
      refusedBy: null,
      endedAtMs: T + 13,
      durationMs: 12.6,
      firstByteMs: 3.2,
      bytes: 99,
      attempts: 2,
      promptChars: 40,
      promptEstimate: 10,
      reserved: 70,
      promptTokens: 8,
      completionTokens: 4,
      totalTokens: 12,
      cachedTokens: 5,
      costMicros: 77,
      tokenSource: 'reported',
      cacheWrite5mTokens: 2,
      cacheWrite1hTokens: 1,
      reasoningTokens: 3,
      audioInputTokens: 1,
      audioOutputTokens: 2,
      images: 1,
      toolCalls: 3,
      answeredModel: 'answering',
      settledAtMs: T + 14,
      decidedSequence: sequenceOf(admitted),
      endedSequence: sequenceOf(completed),
      settledSequence: sequenceOf(settled),
    },
  ])
  for (const other of others) {
    assert.deepEqual(other.patches, expected!.patches)
    assert.deepEqual(other.totals, expected!.totals)
    assert.deepEqual(sorted(other.usage), sorted(expected!.usage))
    assert.deepEqual(sorted(other.latency), sorted(expected!.latency))
  }
})

test('each event counts in its own minute, model and upstream', () => {
  const { usage, totals } = foldRequests([admitted, completed, settled].map(entryOf), nothing)
  assert.deepEqual(
    usage.map(delta => [
      delta.model,
      delta.upstream,
      delta.admitted,
      delta.completed,
      delta.settled,
      delta.totalTokens,
    ]),
    [
      ['phi', '', 1, 0, 0, 0],
      ['phi-4', 'up', 0, 1, 0, 0],
      ['phi', 'settled-up', 0, 0, 1, 12],
    ],
  )
  assert.deepEqual([usage[1]!.durationMsSum, usage[1]!.firstByteMsSum, usage[1]!.firstByteCount], [13, 3, 1])
  assert.equal(usage[0]!.minuteMs, Date.UTC(2026, 10, 23, 5, 9))
  assert.deepEqual(
    [totals.admitted, totals.completed, totals.settled, totals.totalTokens, totals.repeated],
    [1, 1, 1, 12, 0],
  )
})

test('what a row or a batch holds already is counted as repeated, and as nothing else', () => {
  const events = [admitted, completed, settled]
  const again = foldRequests([...events, ...events].map(entryOf), nothing)
  assert.equal(again.totals.repeated, 3)
  assert.deepEqual([again.totals.admitted, again.totals.completed, again.totals.totalTokens], [1, 1, 12])
  const known = new Map([['request_1', { decided: true, ended: true, settled: true }]])
  const stored = foldRequests(events.map(entryOf), known)
  assert.deepEqual([stored.totals.repeated, stored.totals.admitted, stored.usage], [3, 0, []])
  assert.equal(stored.patches[0]?.decidedSequence, null)
})

test('refusals, failures and requests in flight', () => {
  const refusal = make(RequestRefused, {
    ...common,
    ...asked,
    reason: 'throttled',
    status: 429,
    retryAfterMs: 1_500,
    limit: 'budget:team',
    count: 3,
    windowMs: 1_000,
  })
  const refused = foldRequests([entryOf(refusal)], nothing).patches[0]!
  assert.deepEqual(
    [refused.state, refused.status, refused.reason, refused.retryAfterMs, refused.refusedBy],
    ['refused', 429, 'throttled', 1_500, 'budget:team'],
  )
  const failure = make(RequestFailed, {
    ...ending,
    status: 502,
    phase: 'stream',
    code: 'ECONNRESET',
    message: 'gone',
  })
  const failed = foldRequests([admitted, failure].map(entryOf), nothing).patches[0]!
  assert.deepEqual(
    [failed.state, failed.reason, failed.phase, failed.message],
    ['failed', 'ECONNRESET', 'stream', 'gone'],
  )
  const flying = foldRequests([admitted, progressed].map(entryOf), nothing).patches[0]!
  assert.deepEqual(
    [flying.state, flying.totalTokens, flying.tokenSource, flying.reserved],
    ['admitted', 10, null, 60],
  )
})

test('an ending counts in one bucket of each histogram, and a settlement adds its cost', () => {
  const { latency, usage, totals } = foldRequests([completed, completed, settled].map(entryOf), nothing)
  const place = { minuteMs: Date.UTC(2026, 10, 23, 5, 9), model: 'phi-4', upstream: 'up', count: 1 }
  assert.deepEqual(latency, [
    { ...place, measure: 'duration', bucket: bucketOf(12.6) },
    { ...place, measure: 'first_byte', bucket: bucketOf(3.2) },
  ])
  assert.deepEqual([usage[1]!.cachedTokens, usage[1]!.costMicros], [5, 77])
  assert.deepEqual([totals.cachedTokens, totals.costMicros], [5, 77])
})

test('a bucket reaches from its lower bound to its upper one', () => {
  assert.deepEqual([0, 0.3, 1, 1.01, 2, 4, 1_024].map(bucketOf), [0, 0, 0, 1, 8, 16, 80])
  for (let ms = 1.5; ms < 1e7; ms *= 1.37) {
    const bucket = bucketOf(ms)
    assert.ok(2 ** ((bucket - 1) / 8) < ms && ms <= 2 ** (bucket / 8) * (1 + 1e-12))
    assert.ok(Math.abs(2 ** ((bucket - 0.5) / 8) / ms - 1) < 0.0443)
  }
  assert.equal(bucketOf(Number.MAX_VALUE), 320)
})

function sequenceOf({ event }: OutgoingEvent): number {
  return event.sequence
}

function sorted<T>(list: readonly T[]): string[] {
  return list.map(item => JSON.stringify(item)).sort()
}
