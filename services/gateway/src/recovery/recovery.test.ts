import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  encodeEvent,
  eventMaker,
  type OutgoingEvent,
  Prices,
  parseEvent,
  RequestAdmitted,
  RequestCompleted,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import { isFolded, OpenRequests } from './open-requests.ts'
import { settleOpen } from './settle-open.ts'

let ids = 0
const make = eventMaker(
  '/gateway/test/1',
  () => `event-${String(++ids).padStart(12, '0')}`,
  () => 1_000,
)
const who = { user: 'u1', key: 'k1' }
const id = (n: number) => `req_${String(n).padStart(8, '0')}`

const admitted = (n: number) =>
  make(RequestAdmitted, {
    request: id(n),
    ...who,
    tier: 'pro',
    dialect: 'openai',
    method: 'POST',
    path: '/v1/chat/completions',
    model: 'm',
    stream: true,
    address: '::1',
    promptChars: 40,
    promptEstimate: 10,
    reserved: 160,
  })
const progressed = (n: number, completion: number) =>
  make(TokensProgressed, {
    request: id(n),
    ...who,
    tier: 'pro',
    refillRate: 1_000,
    model: 'm',
    prompt: 10,
    completion,
    delta: completion,
    elapsedMs: completion * 100,
  })
const completed = (n: number) =>
  make(RequestCompleted, {
    request: id(n),
    ...who,
    model: 'm',
    upstream: 'a',
    status: 200,
    durationMs: 1,
    bytes: 1,
  })
const settled = (n: number) =>
  make(TokensSettled, {
    request: id(n),
    ...who,
    tier: 'pro',
    refillRate: 1_000,
    model: 'm',
    upstream: 'a',
    usage: { input: 10, output: 5 },
    total: 15,
    reserved: 160,
    progressed: 0,
    source: 'reported',
  })

function fold(events: readonly OutgoingEvent[]): OpenRequests {
  const open = new OpenRequests()
  for (const event of events) {
    assert.ok(isFolded(event.subject))
    open.apply(event)
  }
  return open
}
const openIds = (open: OpenRequests) => [...open.values()].map(each => each.admitted.event.data.request)
/** What a reader of the log would see; throws when it could not be read. */
const read = (event: OutgoingEvent) => {
  const parsed = parseEvent(Buffer.from(encodeEvent(event.event)))
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason)
  return parsed.value
}

describe('open requests', () => {
  it('are those without an ending or without a settlement', () => {
    const open = fold([
      admitted(1),
      admitted(2),
      admitted(3),
      progressed(2, 5),
      completed(1),
      settled(1),
      completed(3),
      settled(9),
    ])
    assert.deepEqual(openIds(open), [id(2), id(3)])
  })

  it('are known from their context alone, which says the same when it comes twice', () => {
    const events = [admitted(1), admitted(2), progressed(2, 5), progressed(2, 9)]
    const context = [...fold(events).context()]
    assert.deepEqual(
      context.map(each => each.event.type.slice('fluxgate.'.length)),
      ['requests.admitted', 'requests.admitted', 'tokens.progressed'],
    )
    const again = fold([...context, ...context, completed(1), settled(1)])
    assert.deepEqual(openIds(again), [id(2)])
    assert.equal([...again.values()][0]!.progressed!.event.data.completion, 9)
  })

  it('leave other events unread', () => {
    for (const subject of ['fluxgate.auth.00.key_accepted.u.k', 'fluxgate.requests.00.refused.u.k']) {
      assert.equal(isFolded(subject), false)
    }
  })
})

describe('a request of a killed node', () => {
  const settle = (events: readonly OutgoingEvent[]) =>
    [...fold(events).values()].flatMap(open => settleOpen(open, make, () => 77, new Prices())).map(read)

  it('is interrupted by the node and settled at its last progress', () => {
    const [ending, settlement, ...rest] = settle([admitted(1), progressed(1, 5), progressed(1, 12)])
    assert.deepEqual(rest, [])
    assert.equal(ending!.type, 'fluxgate.requests.interrupted')
    assert.deepEqual(ending!.data, {
      request: id(1),
      ...who,
      model: 'm',
      upstream: '',
      status: 0,
      durationMs: 1_200,
      bytes: 0,
      by: 'node',
    })
    assert.deepEqual(settlement!.data, {
      request: id(1),
      ...who,
      tier: 'pro',
      refillRate: 1_000,
      model: 'm',
      upstream: '',
      usage: { input: 10, output: 12 },
      total: 22,
      reserved: 160,
      progressed: 22,
      source: 'estimated',
    })
  })

  it('is settled at zero when it had no progress event', () => {
    const [, settlement] = settle([admitted(1)])
    const { total, refillRate, source } = settlement!.data as {
      total: number
      refillRate: number
      source: string
    }
    assert.deepEqual([total, refillRate, source], [0, 77, 'estimated'])
  })

  it('gets only what is missing', () => {
    assert.deepEqual(
      settle([admitted(1), completed(1)]).map(event => event.type),
      ['fluxgate.tokens.settled'],
    )
    assert.deepEqual(
      settle([admitted(1), settled(1)]).map(event => event.type),
      ['fluxgate.requests.interrupted'],
    )
  })

  it('gets the same ids however often it is recovered', () => {
    const idsOf = () => settle([admitted(1), progressed(1, 5)]).map(event => event.id)
    assert.deepEqual(idsOf(), idsOf())
    assert.deepEqual(idsOf(), [`interrupted-${id(1)}`, `settled-${id(1)}`])
  })
})
