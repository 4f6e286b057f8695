import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  BATCH_HEADERS,
  batchedStreamOf,
  batchHead,
  batchSubject,
  encodeLine,
  parseBatch,
  schemasOf,
} from './batch.ts'
import type { FluxgateEvent } from './catalog.ts'
import { RequestAdmitted } from './events/requests.ts'
import { TokensSettled } from './events/tokens.ts'
import { isSamePosition, parsePosition, positionText } from './log-event.ts'
import { encodeEvent, eventMaker } from './maker.ts'
import { parseEvent } from './parse.ts'
import { isStoredUnder } from './subject.ts'

const make = eventMaker(
  '/gateway/a/1',
  () => '01JD0000000000000000000000',
  () => 1_790_000_000_000,
)
const caller = { user: 'ann', key: 'k1', tier: 'free', refillRate: 100, model: 'm"\u2028é' }
const settled = (request: string): FluxgateEvent =>
  make(
    TokensSettled,
    {
      ...caller,
      request,
      upstream: 'u',
      usage: { input: 3, output: 4 },
      total: 7,
      reserved: 9,
      progressed: 0,
      source: 'reported',
    },
    { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  ).event

function headOf(first = 0) {
  const fields = new Map<string, string>([
    [BATCH_HEADERS.id, 'B'.repeat(26)],
    [BATCH_HEADERS.source, '/gateway/a/1'],
    [BATCH_HEADERS.schemas, schemasOf('tokens')],
    ...(first === 0 ? [] : ([[BATCH_HEADERS.first, String(first)]] as const)),
  ])
  return batchHead({ get: name => fields.get(name) ?? '' })
}

describe('a batch', () => {
  it('gives back whole events: only their ids are of the batch', () => {
    const events = [settled('req_00000001'), settled('req_00000002')]
    const data = Buffer.from(events.map(event => `${encodeLine(event)}\n`).join(''))
    for (const first of [0, 7]) {
      const parsed = parseBatch(data, headOf(first))
      assert.deepEqual(
        parsed.map(each => (each.ok ? each.value : each.reason)),
        events.map((event, i) => {
          const whole = parseEvent(Buffer.from(encodeEvent(event)))
          assert.ok(whole.ok)
          return { ...whole.value, id: `${'B'.repeat(26)}-${first + i}` }
        }),
      )
    }
  })

  it('reads every line but those that are no event, whatever is in them', () => {
    const good = Buffer.from(`${encodeLine(settled('req_00000001'))}\n`)
    const lines: Array<[bytes: Uint8Array, reason: RegExp]> = [
      [Buffer.from('{"type":\n'), /not JSON/],
      [Buffer.from([0xff, 0xfe, 10]), /not JSON/],
      [Buffer.from('[1]\n'), /not a JSON object/],
      [Buffer.from('null\n'), /not a JSON object/],
      [Buffer.from('{"type":"fluxgate.tokens.stolen"}\n'), /unknown event type/],
      [Buffer.from('{"type":"fluxgate.tokens.settled","data":5}\n'), /\//],
      [Buffer.from('{"type":"fluxgate.requests.admitted","data":{}}\n'), /dataschema/],
    ]
    for (const [bytes, reason] of lines) {
      const parsed = parseBatch(Buffer.concat([good, bytes, good]), headOf())
      assert.deepEqual(
        parsed.map(({ ok }) => ok),
        [true, false, true],
      )
      assert.match((parsed[1] as { reason: string }).reason, reason)
    }
  })

  it('is never more than its lines, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        const lines = Buffer.from(bytes)
          .toString('latin1')
          .split('\n')
          .filter(line => line !== '')
        const parsed = parseBatch(bytes, headOf())
        assert.equal(parsed.length, lines.length)
        assert.ok(parsed.every(each => !each.ok))
      }),
    )
  })

  it('has a subject that no event of the first edition has', () => {
    assert.equal(batchSubject('tokens', 'ann', 1), 'fluxgate.tokens.0')
    assert.match(batchSubject('requests', 'ann', 16), /^fluxgate\.requests\.\d{1,2}$/)
    assert.equal(batchedStreamOf('fluxgate.tokens.0'), 'tokens')
    const admitted = make(RequestAdmitted, {
      ...caller,
      request: 'req_00000001',
      upstream: 'u',
      stream: false,
      reserved: 1,
      address: '::1',
      path: '/v1/chat/completions',
      dialect: 'openai',
    } as never)
    for (const subject of [
      admitted.subject,
      'fluxgate.auth.0',
      'fluxgate.incidents.opened.x',
      'fluxgate.tokens',
    ])
      assert.equal(batchedStreamOf(subject), undefined, subject)
    assert.ok(isStoredUnder('fluxgate.tokens.0', settled('req_00000001')))
    assert.ok(!isStoredUnder('fluxgate.requests.0', settled('req_00000001')))
  })
})

describe('a position', () => {
  it('is read as it is written, with and without an index', () => {
    for (const position of [
      { stream: 'TOKENS', sequence: 21 },
      { stream: 'TOKENS', sequence: 21, index: 0 },
      { stream: 'REQUESTS', sequence: 1, index: 511 },
    ]) {
      assert.deepEqual(parsePosition(positionText(position)), position)
    }
    assert.equal(positionText({ stream: 'TOKENS', sequence: 21, index: 3 }), 'TOKENS:21.3')
    for (const text of ['TOKENS', 'TOKENS:0', 'TOKENS:1.', 'TOKENS:1.1234', 'tokens:1', 'TOKENS:1.2.3'])
      assert.equal(parsePosition(text), undefined, text)
    assert.ok(!isSamePosition({ stream: 'A', sequence: 1 }, { stream: 'A', sequence: 1, index: 0 }))
  })
})
