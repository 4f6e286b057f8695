import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EVENTS } from './catalog.ts'
import { TokensSettled } from './events/tokens.ts'
import { encodeEvent, eventMaker } from './maker.ts'
import { parseEvent } from './parse.ts'

const make = eventMaker(
  '/gateway/n1/b1',
  () => '01JD0000000000000000000000',
  () => 1_700_000_000_000,
)
const { event } = make(TokensSettled, {
  request: 'req_00000001',
  user: 'u1',
  key: 'k1',
  tier: 'free',
  refillRate: 100,
  model: 'm',
  upstream: 'sim',
  usage: { input: 3, output: 4 },
  total: 7,
  reserved: 300,
  progressed: 0,
  source: 'reported' as const,
})
const whole = Buffer.from(encodeEvent(event))

/** What is taken must come back from its own bytes as it is; what is refused must say why, briefly. */
function check(bytes: Uint8Array): void {
  const parsed = parseEvent(bytes)
  if (!parsed.ok) {
    assert.ok(parsed.reason.length > 0 && parsed.reason.length < 2_000, parsed.reason)
    return
  }
  const again = parseEvent(Buffer.from(JSON.stringify(parsed.value)))
  assert.deepEqual(again, parsed)
}

test('no bytes and no JSON make the envelope’s reader throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check))
  fc.assert(fc.property(fc.json({ maxDepth: 6 }), text => check(Buffer.from(text))))
})

test('an envelope with any one byte changed, or cut anywhere, is read or refused', () => {
  const place = fc.nat(whole.length - 1)
  fc.assert(
    fc.property(place, fc.nat(255), (at, byte) => {
      check(Buffer.from(whole).fill(byte, at, at + 1))
      check(whole.subarray(0, at))
    }),
    { numRuns: 2_000 },
  )
})

test('an envelope of any event with any fields in place of its own is read or refused', () => {
  const names = [...Object.keys(event), ...Object.keys(event.data), '__proto__', 'constructor']
  const fields = fc.dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
  const definitions = fc.constantFrom(...EVENTS)
  fc.assert(
    fc.property(fields, fields, definitions, (around, inside, { type, dataschema }) => {
      check(Buffer.from(JSON.stringify({ ...event, ...around })))
      check(Buffer.from(JSON.stringify({ ...event, type, dataschema, data: { ...event.data, ...inside } })))
    }),
    { numRuns: 2_000 },
  )
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
})
