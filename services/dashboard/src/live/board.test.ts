import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  eventMaker,
  RequestAdmitted,
  RequestCompleted,
  RequestFailed,
  RequestRefused,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import type { Tick } from './answers.ts'
import { LiveBoard } from './board.ts'

const T = Date.UTC(2026, 10, 23, 6)
const LIMITS = { historyMs: 60_000, maxActiveMs: 30_000, maxActive: 100 }
const identity = { user: 'u1', key: 'k1' }

function events() {
  let id = 0
  const make = eventMaker(
    '/gateway/gw-a/boot',
    () => `event_${String(id++).padStart(12, '0')}`,
    () => T,
  )
  const asked = { ...identity, method: 'POST', path: '/v1', model: 'm', address: '::1' }
  const ended = { ...identity, model: 'm', upstream: 'up', status: 200, durationMs: 5, bytes: 1 }
  const counted = { ...identity, tier: 'free', refillRate: 100, model: 'm' } as const
  const admitted = {
    tier: 'free',
    dialect: 'openai',
    stream: true,
    promptChars: 1,
    promptEstimate: 1,
  } as const
  return {
    admitted: (request: string) =>
      make(RequestAdmitted, { request, ...asked, ...admitted, reserved: 10 }).event,
    refused: (request: string, count = 1) =>
      make(RequestRefused, { request, ...asked, reason: 'throttled', status: 429, count, windowMs: 0 }).event,
    completed: (request: string) => make(RequestCompleted, { request, ...ended }).event,
    failed: (request: string) =>
      make(RequestFailed, { request, ...ended, phase: 'stream', code: 'reset', message: '' }).event,
    progressed: (request: string, delta: number) =>
      make(TokensProgressed, { request, ...counted, prompt: 1, completion: delta, delta, elapsedMs: 1 })
        .event,
    settled: (request: string, total: number, progressed: number) =>
      make(TokensSettled, {
        request,
        ...counted,
        upstream: 'up',
        usage: { input: 1, output: total - 1 },
        total,
        reserved: 10,
        progressed,
        source: 'reported',
      }).event,
  }
}

const figures = ({ at, admitted, refused, completed, failed, tokens, active }: Tick) => [
  (at - T) / 1_000,
  { admitted, refused, completed, failed, tokens, active },
]
const quiet = { admitted: 0, refused: 0, completed: 0, failed: 0, tokens: 0, active: 0 }

describe('LiveBoard', () => {
  it('counts each second by outcome, seconds without events included', () => {
    const board = new LiveBoard(LIMITS)
    const make = events()
    board.rewind(T)
    board.fold(make.admitted('request_1'), T + 100)
    board.fold(make.refused('request_2'), T + 900)
    board.fold(make.failed('request_1'), T + 2_000)
    assert.deepEqual(board.advance(T + 3_010).map(figures), [
      [0, { ...quiet, admitted: 1, refused: 1, active: 1 }],
      [1, { ...quiet, active: 1 }],
      [2, { ...quiet, failed: 1 }],
    ])
    assert.deepEqual(board.advance(T + 3_500), [])
    assert.deepEqual(board.advance(T + 4_000).map(figures), [[3, quiet]])
  })

  it('counts the tokens of a stream once when progress events come before the settlement', () => {
    const board = new LiveBoard(LIMITS)
    const make = events()
    board.rewind(T)
    board.fold(make.progressed('request_1', 70), T)
    board.fold(make.progressed('request_1', 30), T + 1_000)
    board.fold(make.settled('request_1', 110, 100), T + 2_000)
    assert.deepEqual(
      board.advance(T + 3_000).map(tick => tick.tokens),
      [70, 30, 10],
    )
  })

  it('counts requests by node', () => {
    const board = new LiveBoard(LIMITS)
    const make = events()
    board.rewind(T)
    board.fold(make.admitted('request_1'), T)
    board.fold(make.refused('request_2'), T)
    assert.deepEqual(board.advance(T + 1_000)[0]?.nodes, { 'gw-a': 2 })
  })

  it('sends again only the seconds that were read back', () => {
    const board = new LiveBoard(LIMITS)
    const make = events()
    board.rewind(T)
    for (let i = 0; i < 4; i++) board.fold(make.refused(`request_${i}`), T + i * 1_000)
    board.advance(T + 4_000)
    // The connection was lost during second 2: it and what follows are folded anew, with what had been missed.
    board.rewind(T + 2_500)
    for (const at of [2_100, 2_700, 3_000, 5_200]) board.fold(make.refused(`again_${at}`), T + at)
    assert.deepEqual(
      board.advance(T + 6_000).map(tick => [(tick.at - T) / 1_000, tick.refused]),
      [
        [2, 2],
        [3, 1],
        [4, 0],
        [5, 1],
      ],
    )
    assert.deepEqual(
      board.since(T).map(tick => tick.refused),
      [1, 1, 2, 1, 0, 1],
    )
  })

  it('forgets what is older than its history, and requests whose node is gone', () => {
    const board = new LiveBoard(LIMITS)
    const make = events()
    board.rewind(T)
    board.fold(make.admitted('request_1'), T)
    board.advance(T + 1_000)
    const later = board.advance(T + 90_000)
    assert.equal(later[0]?.at, T + 30_000, 'the history begins 60 s ago')
    assert.equal(later.length, 60)
    assert.equal(later[later.length - 1]?.active, 0)
    assert.equal(board.since(0).length, 60)
  })

  it('returns no ticks before the log is known', () => {
    const board = new LiveBoard(LIMITS)
    board.rewind(T)
    board.advance(T + 5_000)
    assert.equal(board.since(0).length, 5)
    assert.deepEqual(new LiveBoard(LIMITS).since(0), [])
  })

  it('bounds the requests it remembers as active', () => {
    const board = new LiveBoard({ ...LIMITS, maxActive: 3 })
    const make = events()
    board.rewind(T)
    for (let i = 0; i < 10; i++) board.fold(make.admitted(`request_${i}`), T)
    assert.equal(board.advance(T + 1_000)[0]?.active, 3)
  })
})
