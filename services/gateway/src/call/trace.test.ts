import assert from 'node:assert/strict'
import { it } from 'node:test'
import { modelIn, parentOf, traceparentTo } from './trace.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

it('reads a parent and its decision, and ignores an invalid one', () => {
  const parent = (flags: string) => parentOf(`00-${TRACE}-${SPAN}-${flags}`)
  assert.deepEqual(parent('01'), { traceId: TRACE, spanId: SPAN, isSampled: true })
  assert.equal(parent('00')?.isSampled, false)
  // Other flags do not mean sampled (W3C Trace Context level 2 knows a second one).
  assert.equal(parent('02')?.isSampled, false)
  assert.equal(parent('03')?.isSampled, true)
  assert.equal(parentOf(undefined), undefined)
  assert.equal(parentOf(`ff-${TRACE}-${SPAN}-01`), undefined)
  assert.equal(parentOf(`00-${'0'.repeat(32)}-${SPAN}-01`), undefined)
  assert.equal(parentOf(`00-${TRACE}-${'0'.repeat(16)}-01`), undefined)
})

it("tells the upstream our call's span", () => {
  const slot = { traceId: TRACE, parentSpanId: undefined, serverSpanId: 'a'.repeat(16), clientSpanId: SPAN }
  assert.equal(traceparentTo({ ...slot, isSampled: true }), `00-${TRACE}-${SPAN}-01`)
  assert.equal(traceparentTo({ ...slot, isSampled: false }), `00-${TRACE}-${SPAN}-00`)
})

it('finds the model that an answer names, whatever its text says', () => {
  assert.equal(modelIn(Buffer.from('{"id":"x","model": "gpt-5-mini","choices":[]}')), 'gpt-5-mini')
  assert.equal(
    modelIn(Buffer.from('data: {"type":"message_start","message":{"model":"claude"}}\n\n')),
    'claude',
  )
  const feigned = JSON.stringify({ choices: [{ text: '"model":"evil"' }], model: 'm' })
  assert.equal(modelIn(Buffer.from(feigned)), 'm')
  assert.equal(modelIn(Buffer.from(`{"a":"${'x'.repeat(5_000)}","model":"late"}`)), undefined)
  assert.equal(modelIn(Buffer.from('')), undefined)
})
