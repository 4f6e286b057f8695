import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventMaker, IncidentClosed, RequestRefused, type Throttle } from '@fluxgate/contracts'
import type { LiveFrameName, LiveFrames, Tick } from './answers.ts'
import { LiveHub, type Sink } from './hub.ts'

const T = Date.UTC(2026, 10, 23, 6)
const LIMITS = {
  historyMs: 600_000,
  maxActiveMs: 600_000,
  maxActive: 100,
  maxAgeMs: 600_000,
  maxFrames: 1_000,
  freshMs: 300_000,
  maxClients: 3,
  maxClientBytes: 2_000,
  retryMs: 500,
}
const throttle = (until: number): Throttle => ({
  capacity: 1,
  refillRate: 1,
  imposedAt: T,
  until,
  reason: 'r',
  rule: 'manual',
  actor: 'admin',
})

interface Received {
  readonly id: string | undefined
  readonly name: string
  readonly data: unknown
}

/** A page that reads as it should, or not at all. */
class Page implements Sink {
  text = ''
  waiting = 0
  closed = false
  readonly reads: boolean
  constructor(reads = true) {
    this.reads = reads
  }
  write(bytes: Uint8Array): void {
    this.text += new TextDecoder().decode(bytes)
    if (!this.reads) this.waiting += bytes.length
  }
  buffered(): number {
    return this.waiting
  }
  close(): void {
    this.closed = true
  }
  frames(): Received[] {
    return this.text
      .split('\n\n')
      .filter(block => block.includes('event: '))
      .map(block => ({
        id: /^id: (.*)$/m.exec(block)?.[1],
        name: /^event: (.*)$/m.exec(block)![1]!,
        data: JSON.parse(/^data: (.*)$/m.exec(block)![1]!),
      }))
  }
  of<Name extends LiveFrameName>(name: Name): Array<LiveFrames[Name]> {
    return this.frames()
      .filter(frame => frame.name === name)
      .map(frame => frame.data as LiveFrames[Name])
  }
  lastId(): string | undefined {
    return this.frames().findLast(frame => frame.id !== undefined)?.id
  }
}

let ids = 0
const make = eventMaker(
  '/gateway/gw-a/boot',
  () => `event_${String(ids++).padStart(12, '0')}`,
  () => T,
)
const refusal = () =>
  make(RequestRefused, {
    request: 'request_1',
    user: 'u',
    key: 'k',
    method: 'POST',
    path: '/',
    model: 'm',
    address: '',
    reason: 'throttled',
    status: 429,
    count: 1,
    windowMs: 0,
  }).event

function hubWithPast(seconds: number, onError: (error: unknown) => void = assert.ifError): LiveHub {
  const hub = new LiveHub('b1', LIMITS, T, onError)
  hub.rewind(T)
  hub.feed(true, T)
  for (let i = 0; i < seconds; i++) {
    hub.event(refusal(), T + i * 1_000)
    hub.tick(T + (i + 1) * 1_000)
  }
  return hub
}

describe('live hub sink that throws', () => {
  it('is dropped alone when write, buffered or close throws', () => {
    const errors: unknown[] = []
    const fail = (): never => {
      throw new Error('thrown by the page')
    }
    for (const broken of ['write', 'buffered', 'close'] as const) {
      const hub = hubWithPast(2, error => errors.push(error))
      const [before, bad, after] = [new Page(), new Page(broken !== 'close'), new Page()]
      for (const page of [before, bad, after]) hub.join(page, undefined, T + 2_000)
      bad[broken] = fail
      if (broken === 'close') bad.waiting = LIMITS.maxClientBytes
      hub.tick(T + 3_000)
      hub.heartbeat()
      for (const page of [before, after]) assert.equal(page.of('tick').length, 1, broken)
      assert.deepEqual([hub.clients, hub.dropped], [2, 1], broken)
      hub.close()
      assert.deepEqual([before.closed, after.closed], [true, true])
    }
    assert.equal(errors.length, 3)
  })
})

describe('LiveHub', () => {
  it('sends a new client the last minutes, then new frames', () => {
    const hub = hubWithPast(400)
    const now = T + 400_000
    hub.throttle('u.k', throttle(now + 5_000), now)
    hub.throttle('old.k', throttle(now - 1), now)
    const page = new Page()
    hub.join(page, undefined, now)
    const [history] = page.of('history')
    assert.equal(history?.ticks.length, 300)
    assert.deepEqual(
      history?.throttles.map(each => each.identity),
      ['u.k'],
    )
    assert.ok(page.text.startsWith('retry: 500\n\n'))
    hub.event(refusal(), now)
    hub.tick(now + 1_000)
    assert.deepEqual(
      page.of('tick').map(({ ticks }) => ticks.map(tick => tick.refused)),
      [[1]],
    )
  })

  it('sends each second exactly once to a client that reconnects', () => {
    const hub = hubWithPast(3)
    const first = new Page()
    const leave = hub.join(first, undefined, T + 3_000)
    hub.tick(T + 4_000)
    leave()
    for (let i = 5; i <= 9; i++) hub.tick(T + i * 1_000)
    hub.throttle('u.k', throttle(T + 60_000), T + 9_000)
    const second = new Page()
    hub.join(second, first.lastId(), T + 9_500)
    hub.tick(T + 10_000)
    assert.equal(second.of('history').length, 0)
    assert.deepEqual(
      second.of('throttle').map(each => each.identity),
      ['u.k'],
    )
    const seconds = (ticks: Tick[]) => ticks.map(tick => (tick.at - T) / 1_000)
    const told = [
      ...first.of('history').flatMap(each => seconds(each.ticks)),
      ...[...first.of('tick'), ...second.of('tick')].flatMap(each => seconds(each.ticks)),
    ]
    assert.deepEqual(told, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('sends the whole history to a client of an earlier process', () => {
    const hub = hubWithPast(400)
    const page = new Page()
    hub.join(page, 'b0-17', T + 400_000)
    assert.equal(page.of('history')[0]?.ticks.length, 400)
    assert.match(page.lastId() ?? '', /^b1-/)
  })

  it('drops a slow client and no other', () => {
    const hub = hubWithPast(1)
    const [slow, good] = [new Page(false), new Page()]
    hub.join(slow, undefined, T + 1_000)
    hub.join(good, undefined, T + 1_000)
    for (let i = 2; i < 40; i++) hub.tick(T + i * 1_000)
    assert.deepEqual([slow.closed, good.closed, hub.clients, hub.dropped], [true, false, 1, 1])
    assert.equal(good.of('tick').length, 38)
    assert.ok(slow.waiting < LIMITS.maxClientBytes + 1_000)
  })

  it('sends the state of the feed, and events of incidents', () => {
    const hub = hubWithPast(1)
    const page = new Page()
    hub.join(page, undefined, T + 1_000)
    hub.feed(false, T + 1_100)
    hub.feed(false, T + 1_200)
    hub.event(
      make(IncidentClosed, { incident: 'inc_12345678', actor: 'guard', reason: 'r' }).event,
      T + 1_300,
    )
    hub.heartbeat()
    assert.deepEqual(
      page.of('feed').map(each => each.connected),
      [true, false],
    )
    assert.deepEqual(page.of('incident'), [{ id: 'inc_12345678', fact: 'closed', at: T }])
    assert.ok(page.text.endsWith(': alive\n\n'))
  })

  it('refuses clients beyond its limit', () => {
    const hub = hubWithPast(1)
    for (let i = 0; i < 3; i++) hub.join(new Page(), undefined, T)
    assert.equal(hub.isFull, true)
    hub.close()
    assert.equal(hub.clients, 0)
  })
})
