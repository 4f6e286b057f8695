import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  eventMaker,
  IncidentReported,
  type OutgoingEvent,
  RequestAdmitted,
  RequestCompleted,
  RequestFailed,
  RequestRefused,
  ThrottleExpired,
  ThrottleImposed,
  ThrottlePardoned,
  TokensProgressed,
  TokensReserved,
  TokensSettled,
} from '@fluxgate/contracts'
import { foldAuth } from './auth.ts'
import { foldIncidents } from './incidents.ts'
import { halves, type LogEntry, sliceAfter, timeOf } from './log.ts'
import { Progress } from './progress.ts'
import type { KnownRequest } from './request-patch.ts'
import { foldRequests } from './requests.ts'
import { cleanJson, cleanName, cleanText } from './text.ts'
import { foldThrottles } from './throttles.ts'

const T = Date.UTC(2026, 10, 23, 5, 9, 30)
let ids = 0
const make = eventMaker(
  '/gateway/n1/b1',
  () => `01EVENT${String(++ids).padStart(20, '0')}`,
  () => T,
)
const identity = { user: 'ann', key: 'k1' }
const common = { request: 'request_1', ...identity, model: 'phi' }
const asked = { method: 'POST', path: '/v1/x', address: '::1' }
const admitted = make(RequestAdmitted, {
  ...{ ...common, ...asked, tier: 'free', dialect: 'openai', stream: false },
  ...{ promptChars: 40, promptEstimate: 10, reserved: 60 },
})
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
  prompt: 8,
  completion: 4,
  total: 12,
} as const
const settled = make(
  TokensSettled,
  { ...spent, reserved: 70, progressed: 0, cached: 5, costMicros: 77, source: 'reported' },
  { timeMs: T + 14 },
)
const progressed = make(
  TokensProgressed,
  { ...common, tier: 'pro', refillRate: 1, prompt: 8, completion: 2, delta: 10, elapsedMs: 5 },
  { timeMs: T + 5 },
)
const reserved = make(TokensReserved, { request: 'request_1', ...identity, reserved: 65 }, { timeMs: T + 1 })
const nothing: ReadonlyMap<string, KnownRequest> = new Map()

test('the order of the facts makes no difference', () => {
  const facts = [admitted, completed, settled, progressed, reserved].map(entryOf)
  const [expected, ...others] = permutations(facts).map(order => foldRequests(order, nothing))
  assert.equal(others.length, 119)
  assert.deepEqual(expected!.patches, [
    {
      ...{ id: 'request_1', ...identity, state: 'completed', atMs: T, tier: 'free', dialect: 'openai' },
      ...{
        ...asked,
        model: 'phi',
        upstream: 'up',
        stream: false,
        agent: null,
        source: '/gateway/n1/b1',
        status: 200,
      },
      ...{
        reason: null,
        phase: null,
        message: null,
        retryAfterMs: null,
        refusedBy: null,
        endedAtMs: T + 13,
        durationMs: 12.6,
      },
      ...{
        firstByteMs: 3.2,
        bytes: 99,
        attempts: 2,
        promptChars: 40,
        promptEstimate: 10,
        reserved: 70,
        promptTokens: 8,
      },
      ...{ completionTokens: 4, totalTokens: 12, cachedTokens: 5, costMicros: 77, tokenSource: 'reported' },
      settledAtMs: T + 14,
      ...{ decidedSequence: sequenceOf(admitted), endedSequence: sequenceOf(completed) },
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

test('each fact counts in its own minute, model and upstream', () => {
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
  const facts = [admitted, completed, settled]
  const again = foldRequests([...facts, ...facts].map(entryOf), nothing)
  assert.equal(again.totals.repeated, 3)
  assert.deepEqual([again.totals.admitted, again.totals.completed, again.totals.totalTokens], [1, 1, 12])
  const known = new Map([['request_1', { decided: true, ended: true, settled: true }]])
  const stored = foldRequests(facts.map(entryOf), known)
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
  })
  const refused = foldRequests([entryOf(refusal)], nothing).patches[0]!
  assert.deepEqual(
    [refused.state, refused.status, refused.reason, refused.retryAfterMs],
    ['refused', 429, 'throttled', 1_500],
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

test('text and times that Postgres would refuse are mended, not lost', () => {
  assert.equal(cleanText('a\0b\ud800c'), 'a\ufffdb\ufffdc')
  assert.equal(cleanName('x'.repeat(300)).length, 256)
  assert.equal(
    cleanJson({ 'a\0': ['\0', { b: '\udc00' }, 1.5, null] }),
    '{"a\ufffd":["\ufffd",{"b":"\ufffd"},1.5,null]}',
  )
  const entry = entryOf(admitted)
  const broken = { ...entry, event: { ...entry.event, time: '2026-99-99T99:99:99Z' } }
  assert.equal(timeOf(broken), entry.storedAtMs)
})

test('a throttle ends by its successor, by a pardon or by its own end, and only once', () => {
  const impose = (until: number) =>
    make(ThrottleImposed, {
      ...identity,
      capacity: 1,
      refillRate: 1,
      until,
      reason: 'r',
      rule: 'flood',
      actor: 'guard',
    })
  const first = impose(T + 1_000)
  const second = impose(T + 2_000)
  const third = impose(T + 3_000)
  const expiry = make(ThrottleExpired, { ...identity, until: T + 1_000 })
  const pardon = make(ThrottlePardoned, { ...identity, actor: 'admin', reason: 'sorry' }, { timeMs: T + 9 })
  const rows = foldThrottles([first, second, expiry, pardon, expiry, third].map(entryOf), [])
  assert.deepEqual(
    rows.map(row => row.state),
    ['replaced', 'pardoned', 'active'],
  )
  assert.deepEqual([rows[1]!.endedAtMs, rows[1]!.endedBy, rows[1]!.endReason], [T + 9, 'admin', 'sorry'])
  const active = rows[2]!
  assert.deepEqual(foldThrottles([second, expiry].map(entryOf), [rows[1]!, active]), [])
  const later = make(ThrottleExpired, { ...identity, until: T + 3_000 })
  assert.deepEqual(
    foldThrottles([entryOf(later)], [active]).map(row => row.state),
    ['expired'],
  )
  assert.deepEqual(foldThrottles([entryOf(pardon)], []), [])
})

test('a model’s report supersedes the facts, whichever comes first', () => {
  const report = (source: 'facts' | 'model', summary: string, timeMs: number) =>
    make(
      IncidentReported,
      {
        ...{ incident: 'inc_00000001', source },
        report: {
          ...{
            verdict: 'abuse',
            confidence: 1,
            severity: 'low',
            summary,
            likelyCause: '',
            recommendedAction: '',
          },
          evidence: [],
        },
      },
      { timeMs },
    )
  for (const order of permutations([
    report('facts', 'f', T),
    report('model', 'old', T + 1),
    report('model', 'new', T + 2),
  ])) {
    const { patches } = foldIncidents(order.map(entryOf))
    assert.match(patches[0]!.report!, /"summary":"new"/)
    assert.equal(patches[0]!.reportSource, 'model')
  }
})

test('auth facts keep what has no column', () => {
  const entry = entryOf(admitted)
  const data = { ...identity, address: '::1', count: 3 }
  const event = { ...entry.event, type: 'fluxgate.auth.key_accepted', data } as LogEntry['event']
  const [row, ...rest] = foldAuth([
    { ...entry, event },
    { ...entry, event },
  ])
  assert.deepEqual(
    [row!.fact, row!.address, row!.detail, rest.length],
    ['key_accepted', '::1', '{"count":3}', 0],
  )
})

test('slices are cut behind a position and in halves', () => {
  const entries = [3, 5, 6, 9].map(sequence => ({ ...entryOf(admitted), sequence }))
  const slice = { stream: 'REQUESTS', after: 2, last: 10, lastStoredAtMs: T, entries }
  assert.deepEqual(sliceAfter(slice, 2), slice)
  assert.deepEqual(sliceAfter(slice, 5), { ...slice, after: 5, entries: entries.slice(2) })
  assert.deepEqual(sliceAfter(slice, 99), { ...slice, after: 10, entries: [] })
  const [one, two] = halves(slice)
  assert.deepEqual([one.after, one.last, two.after, two.last], [2, 5, 5, 10])
  assert.deepEqual([...one.entries, ...two.entries], entries)
})

test('progress knows the lag, what was dropped, and when to halt', () => {
  const progress = new Progress()
  progress.begin(new Map([['REQUESTS', { sequence: 40, eventTimeMs: T - 5_000 }]]))
  const head = { firstSequence: 1, lastSequence: 50, createdMs: 1 }
  assert.equal(progress.saw('REQUESTS', head, 40, T), undefined)
  assert.deepEqual(progress.lag('REQUESTS', T), { messages: 10, seconds: 5 })
  progress.applied('REQUESTS', 50, T - 1_000)
  assert.deepEqual(progress.lag('REQUESTS', T), { messages: 0, seconds: 0 })
  progress.saw('REQUESTS', { ...head, firstSequence: 61, lastSequence: 70 }, 50, T)
  assert.equal(progress.missing('REQUESTS'), 10)
  // A commit between asking and hearing is no reason to halt.
  progress.applied('REQUESTS', 70, T)
  assert.equal(progress.saw('REQUESTS', { ...head, lastSequence: 60 }, 55, T), undefined)
  assert.match(
    progress.saw('REQUESTS', { ...head, lastSequence: 60 }, 70, T) ?? '',
    /ends at 60, before the checkpoint 70/,
  )
  assert.equal(progress.halted.size, 1)
  assert.match(
    progress.saw('REQUESTS', { ...head, lastSequence: 90, createdMs: 2 }, 70, T) ?? '',
    /made anew/,
  )
})

function entryOf({ event }: OutgoingEvent): LogEntry {
  return { sequence: event.sequence, storedAtMs: T + 100, event }
}

function sequenceOf({ event }: OutgoingEvent): number {
  return event.sequence
}

function sorted<T>(list: readonly T[]): string[] {
  return list.map(item => JSON.stringify(item)).sort()
}

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]]
  return list.flatMap((item, i) => permutations(list.toSpliced(i, 1)).map(rest => [item, ...rest]))
}
