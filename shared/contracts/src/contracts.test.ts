import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EVENTS } from './catalog.ts'
import { checkedMaker } from './checked-maker.ts'
import { RequestAdmitted, RequestRefused } from './events/requests.ts'
import { TokensSettled } from './events/tokens.ts'
import { identityText, PARTITIONS, parseIdentity, partitionOf } from './identity.ts'
import { broken, currentLock, storedLock } from './lock.ts'
import { encodeEvent, eventMaker } from './maker.ts'
import { jsonParser, parseEvent } from './parse.ts'
import { Throttle } from './state.ts'
import { eventFilter, parseSubject } from './subject.ts'
import { UPCASTERS, upcast } from './upcast.ts'

const settled = {
  request: 'req_00000001',
  user: 'u1',
  key: 'k1',
  tier: 'free' as const,
  refillRate: 100,
  model: 'm',
  upstream: 'sim',
  usage: { input: 3, output: 4 },
  total: 7,
  reserved: 300,
  progressed: 0,
  source: 'reported' as const,
}
const make = eventMaker(
  '/gateway/n1/b1',
  () => '01JD0000000000000000000000',
  () => 1_700_000_000_000,
)
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))

describe('the lock', () => {
  it('holds every schema of every version', () => {
    const stored = storedLock()
    const current = currentLock()
    assert.deepEqual(broken(stored, current), [], 'a schema changed without a new version')
    assert.deepEqual(
      Object.keys(current).filter(name => !(name in stored)),
      [],
      'run npm run contracts:lock',
    )
  })

  it('sees a changed field', () => {
    assert.deepEqual(broken({ 'a.b:1': 'x', gone: 'y' }, { 'a.b:1': 'z' }), ['a.b:1'])
  })
})

describe('events', () => {
  it('are CloudEvents 1.0 and come back from their own bytes', () => {
    const { subject, event } = make(TokensSettled, settled, {
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    })
    const parsed = parseEvent(Buffer.from(encodeEvent(event)))
    assert.ok(parsed.ok)
    assert.deepEqual(parsed.value, event)
    assert.equal(event.specversion, '1.0')
    assert.equal(event.type, 'fluxgate.tokens.settled')
    assert.equal(event.dataschema, 'urn:fluxgate:tokens.settled:3')
    assert.equal(event.time, '2023-11-14T22:13:20.000Z')
    assert.equal(subject, `fluxgate.tokens.${partitionOf('u1')}.settled.u1.k1`)
  })

  it('are encoded as JSON whatever their data holds', () => {
    for (const text of ['"', '\\', '\n\u0000', 'é漢😀', '\ud800', '</script>']) {
      const { event } = make(TokensSettled, { ...settled, model: text })
      assert.deepEqual(JSON.parse(encodeEvent(event)), JSON.parse(JSON.stringify(event)))
    }
  })

  it('are refused by a checked maker when no reader would take them, and take no number', () => {
    const checked = checkedMaker(make)
    const before = make(TokensSettled, settled).event.sequence
    for (const wrong of [
      { total: 2 ** 53 },
      { total: Number.NaN },
      { usage: { input: -1, output: 0 } },
      { model: 'm'.repeat(257) },
      { raw: 'x'.repeat(4_097) },
    ]) {
      assert.throws(() => checked(TokensSettled, { ...settled, ...wrong }), {
        code: 'FLUXGATE_INVALID_EVENT',
      })
    }
    assert.equal(checked(TokensSettled, settled).event.sequence, before + 1)
  })

  it('count their source from 1 without a gap', () => {
    const fresh = eventMaker(
      '/t',
      () => 'x'.repeat(20),
      () => 0,
    )
    assert.deepEqual(
      [1, 2, 3].map(() => fresh(TokensSettled, settled).event.sequence),
      [1, 2, 3],
    )
  })

  it('have unique names and are past tense on their own streams', () => {
    assert.equal(new Set(EVENTS.map(e => e.type)).size, EVENTS.length)
    for (const event of EVENTS) assert.match(event.kind, /^[a-z]+(_[a-z]+)?$/)
  })

  const faulty: Array<[string, Buffer, RegExp]> = [
    ['no JSON', Buffer.from('{"a"'), /not JSON/],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /not JSON/],
    ['an array', bytes([]), /not a JSON object/],
    ['null', bytes(null), /not a JSON object/],
    ['an unknown type', bytes({ type: 'fluxgate.tokens.stolen' }), /unknown event type/],
    ['a type from the prototype', bytes({ type: 'constructor' }), /unknown event type/],
    [
      'a missing field',
      bytes({ ...make(TokensSettled, settled).event, data: { ...settled, total: undefined } }),
      /total/,
    ],
    [
      'a wrong number',
      bytes({ ...make(TokensSettled, settled).event, data: { ...settled, total: -1 } }),
      /total/,
    ],
    [
      'a field too many',
      bytes({ ...make(TokensSettled, settled).event, data: { ...settled, x: 1 } }),
      /additional/,
    ],
    [
      'a future version',
      bytes({ ...make(TokensSettled, settled).event, dataschema: 'urn:fluxgate:tokens.settled:9' }),
      /no way from version 9/,
    ],
    [
      'a foreign schema',
      bytes({ ...make(TokensSettled, settled).event, dataschema: 'urn:x' }),
      /not a version/,
    ],
    [
      'a user with a dot',
      bytes({ ...make(TokensSettled, settled).event, data: { ...settled, user: 'a.b' } }),
      /user/,
    ],
  ]
  for (const [what, input, reason] of faulty) {
    it(`refuse ${what} with a reason`, () => {
      const parsed = parseEvent(input)
      assert.ok(!parsed.ok)
      assert.match(parsed.reason, reason)
    })
  }

  it('keep unknown extension attributes (CloudEvents 1.0 section 3.3)', () => {
    assert.ok(parseEvent(bytes({ ...make(TokensSettled, settled).event, myextension: 'x' })).ok)
  })
})

describe('upcasters', () => {
  it('bring an old version forward step by step', () => {
    const definition = { ...TokensSettled, version: 3, dataschema: 'urn:fluxgate:tokens.settled:3' }
    const steps = {
      'tokens.settled': [
        (d: unknown) => ({ ...(d as object), two: 2 }),
        (d: unknown) => ({ ...(d as object), three: 3 }),
      ],
    }
    const raw = { dataschema: 'urn:fluxgate:tokens.settled:1', data: { one: 1 } }
    const up = upcast(raw, definition, steps)
    assert.ok(up.ok)
    assert.deepEqual(up.value.data, { one: 1, two: 2, three: 3 })
    assert.equal(up.value.dataschema, definition.dataschema)
  })

  it('read what version 1 of every widened event wrote', () => {
    const { event } = make(TokensSettled, settled)
    const { usage, ...rest } = settled
    const old = { ...rest, prompt: usage.input, completion: usage.output }
    const parsed = parseEvent(bytes({ ...event, dataschema: 'urn:fluxgate:tokens.settled:1', data: old }))
    assert.ok(parsed.ok)
    assert.deepEqual(parsed.value.data, settled)
    for (const definition of EVENTS) {
      assert.equal(UPCASTERS[definition.name]?.length ?? 0, definition.version - 1, definition.name)
    }
  })
})

describe('subjects', () => {
  it('are parsed back into their parts', () => {
    const { subject } = make(TokensSettled, settled)
    assert.deepEqual(parseSubject(subject), {
      stream: 'tokens',
      partition: partitionOf('u1'),
      kind: 'settled',
      user: 'u1',
      key: 'k1',
    })
    assert.deepEqual(parseSubject('fluxgate.incidents.opened.inc_12345678'), {
      stream: 'incidents',
      kind: 'opened',
      incident: 'inc_12345678',
    })
    for (const bad of [
      '',
      'fluxgate',
      'other.tokens.00.settled.u.k',
      'fluxgate.nope.00.x.u.k',
      'fluxgate.tokens.00.x.u',
    ]) {
      assert.equal(parseSubject(bad), undefined, bad)
    }
  })

  it('give one filter per fact', () => {
    assert.equal(eventFilter(RequestRefused), 'fluxgate.requests.*.refused.>')
  })

  it('spread users evenly over the partitions', () => {
    const counts = new Map<string, number>()
    for (let i = 0; i < 16_000; i++) {
      const partition = partitionOf(`user_${i}`)
      counts.set(partition, (counts.get(partition) ?? 0) + 1)
    }
    assert.equal(counts.size, PARTITIONS)
    for (const [partition, count] of counts) {
      assert.match(partition, /^(0\d|1[0-5])$/)
      assert.ok(count > 800 && count < 1_200, `${partition}: ${count}`)
    }
  })

  it('hold identities that are one token each', () => {
    assert.deepEqual(parseIdentity('a.b'), { user: 'a', key: 'b' })
    assert.equal(identityText({ user: 'a', key: 'b' }), 'a.b')
    for (const bad of ['a', 'a.b.c', 'a. b', 'a.*', '>.b', '', `${'x'.repeat(65)}.b`]) {
      assert.equal(parseIdentity(bad), undefined, bad)
    }
  })
})

describe('values of buckets', () => {
  it('are checked as they are read', () => {
    const parse = jsonParser(Throttle)
    const good = {
      capacity: 1,
      refillRate: 1,
      imposedAt: 1,
      until: 2,
      reason: 'r',
      rule: 'x',
      actor: 'guard',
    }
    assert.ok(parse(bytes(good)).ok)
    assert.ok(!parse(bytes({ ...good, until: 'soon' })).ok)
    assert.ok(!parse(Buffer.from('')).ok)
  })
})

it('an admitted request carries its reservation', () => {
  assert.ok('reserved' in RequestAdmitted.data.properties)
})
