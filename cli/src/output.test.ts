import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { partitionOf, type StoredEvent, type StreamName } from '@fluxgate/contracts'
import { matches, parseMoment, sourcesOf } from '@fluxgate/forensics'
import type { Listener, LiveEvent, LiveLog, ShownEvent } from './live-log.ts'
import { jsonLine, paintOf, plain } from './paint.ts'
import { barText } from './progress-bar.timer.ts'
import { columns, eventJson, eventLine, spanText } from './render.ts'
import { tail } from './tail.ts'

const ALL: readonly StreamName[] = ['requests', 'tokens', 'auth', 'throttles', 'incidents']

function entry(type: string, atMs: number, data: object = {}, sequence = 1): StoredEvent {
  const time = new Date(atMs).toISOString()
  const event = { id: `id-${type}-${atMs}-${sequence}`, type: `fluxgate.${type}`, subject: 'u.k', time, data }
  return {
    stream: 'S',
    sequence,
    storedAtMs: atMs,
    subject: 'x',
    event: event as unknown as ShownEvent['event'],
  }
}

describe('a filter', () => {
  test('becomes one narrow subject for each stream that can hold such an event', () => {
    assert.deepEqual(sourcesOf({ streams: ALL, kind: 'settled' }), [
      { stream: 'tokens', subject: 'fluxgate.tokens.*.settled.*.*' },
    ])
    assert.deepEqual(sourcesOf({ streams: ['auth', 'incidents'], user: 'u1', key: 'k1' }), [
      { stream: 'auth', subject: `fluxgate.auth.${partitionOf('u1')}.*.u1.k1` },
      { stream: 'incidents', subject: 'fluxgate.incidents.*.*' },
    ])
  })

  test('looks into the event for what subjects do not tell', () => {
    const { event } = entry('incidents.opened', 0, { user: 'u1', key: 'k1', explanation: 'A Flood' })
    assert.ok(matches({ streams: ALL, user: 'u1', text: 'a flood' }, event))
    assert.ok(!matches({ streams: ALL, user: 'u2' }, event))
    assert.ok(!matches({ streams: ALL, user: 'u1', key: 'k2' }, event))
    assert.ok(!matches({ streams: ALL, text: 'drought' }, event))
  })
})

describe('a moment', () => {
  test('is a span before now or an ISO time', () => {
    const now = Date.UTC(2026, 0, 2)
    assert.equal(parseMoment('1.5h', now), now - 5_400_000)
    assert.equal(parseMoment('1d', now), Date.UTC(2026, 0, 1))
    assert.equal(parseMoment('2026-01-01T00:00Z', now), Date.UTC(2026, 0, 1))
    for (const other of ['', '5', 'yesterday', '-5m', '2026-13-01'])
      assert.equal(parseMoment(other, now), undefined)
  })
})

describe('what is shown', () => {
  test('cannot steer a terminal', () => {
    assert.equal(plain('a\u001b[31m\u009b\r\n\u202eb'), 'a\\u001b[31m\\u009b\\u000d\\n\\u202eb')
    const line = jsonLine({ text: '\u001b[2J\u009b2J\u202e\u2028' })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.ok(!/[\u0000-\u001f\u007f-\u009f\u202e\u2028]/.test(line))
    assert.deepEqual(JSON.parse(line), { text: '\u001b[2J\u009b2J\u202e\u2028' })
    const hostile = entry('requests.admitted', 0, { agent: '\u001b]0;owned\u0007 status=200' })
    const shown = eventLine(hostile, paintOf(false))
    assert.ok(shown.includes('agent="\\u001b]0;owned\\u0007 status=200"'), shown)
  })

  test('has colours only where they are wanted', () => {
    const failed = entry('requests.failed', 0, { code: 'refused' })
    assert.ok(eventLine(failed, paintOf(true)).includes('\u001b[31mrequests.failed'))
    assert.ok(!eventLine(failed, paintOf(false)).includes('\u001b'))
  })

  test('is one line of JSON with the position of the event', () => {
    const { stream, sequence, storedAt, sinceStartMs } = JSON.parse(
      eventJson(entry('tokens.settled', 5, {}, 7), { sinceStartMs: 3 }),
    )
    assert.deepEqual([stream, sequence, storedAt, sinceStartMs], ['S', 7, '1970-01-01T00:00:00.005Z', 3])
    assert.deepEqual(['0 ms', '1.50 s', '2.0 min', '3.0 h'], [0, 1_500, 120_000, 10_800_000].map(spanText))
  })
})

function live({ stream, subject, event }: StoredEvent): LiveEvent {
  return { stream, subject, event, sequence: null, storedAtMs: null }
}

async function* from(entries: readonly StoredEvent[]): AsyncGenerator<StoredEvent[]> {
  yield [...entries]
}

test('columns are as wide as their widest cell, numbers at the right', () => {
  assert.deepEqual(
    columns([
      ['who', 'tokens', 'by'],
      ['ada.k1', 1_234, 'm'],
      ['b', 5, 'model'],
    ]),
    ['who     tokens  by', 'ada.k1   1,234  m', 'b            5  model'],
  )
  assert.deepEqual(columns([]), [])
})

test('a bar tells the share that is done', () => {
  assert.match(barText('reading', 0, 0), /^reading ░{30} {3}0 % {2}0$/)
  assert.match(barText('reading', 1_500, 3_000), /^reading █{15}░{15} {2}50 % {2}1,500$/)
  assert.match(barText('reading', 4, 3), /█{30} 100 %/)
})

describe('a tail', () => {
  const limits = { maxBufferedEvents: 3, maxSeenIds: 100 }

  /** A log of one stream that a test fills and speaks for. */
  function logOf(past: () => readonly StoredEvent[]): { log: LiveLog; heard(): Listener } {
    let listener: Listener | undefined
    const log: LiveLog = {
      history: () => from(past()),
      async live(_sources, wanted) {
        listener = wanted
        return { [Symbol.dispose]() {} }
      },
    }
    return { log, heard: () => listener! }
  }

  test('shows the past, then what came meanwhile, each event once, and reads again after a gap', async () => {
    const past = [entry('tokens.settled', 1), entry('tokens.settled', 2)]
    const { log, heard } = logOf(() => past)
    const stop = new AbortController()
    const notices: string[] = []
    const options = { filter: { streams: ['tokens' as const] }, fromMs: 0, limits }
    const shown = tail(log, { ...options, notice: text => notices.push(text) }, stop.signal)
    const next = async () => Date.parse((await shown.next()).value?.event.time ?? '')
    assert.equal(await next(), 1)
    heard().event(live(past[1]!))
    heard().event(live(entry('tokens.settled', 3)))
    assert.deepEqual([await next(), await next()], [2, 3])

    past.push(entry('tokens.settled', 4))
    const waiting = next()
    heard().gap(0)
    assert.equal(await waiting, 4)

    const more = next()
    for (let at = 5; at < 10; at++) heard().event(live(entry('tokens.settled', at)))
    assert.deepEqual([await more, await next(), await next()], [5, 6, 7])
    const end = shown.next()
    heard().unreadable('fluxgate.x', 'not JSON')
    stop.abort()
    assert.equal((await end).done, true)
    assert.deepEqual(notices, [
      '2 events left out: they came faster than they could be shown',
      'a message on fluxgate.x cannot be read: not JSON',
    ])
  })
})
