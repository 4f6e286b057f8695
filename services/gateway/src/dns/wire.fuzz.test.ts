import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as packet from 'dns-packet'
import fc from 'fast-check'
import { readAnswer } from './answer.ts'
import { DNS_LIMITS } from './limits.ts'
import { answerOverride } from './overrides.ts'
import { readQuery } from './query.ts'
import { errorReply, writeReply } from './reply.ts'
import { readMessage } from './wire.ts'

const label = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_'), minLength: 1, maxLength: 63 })
const name = fc
  .array(label, { minLength: 1, maxLength: 5 })
  .map(labels => labels.join('.'))
  .filter(text => text.length < 250)
const question = fc
  .record({ id: fc.nat(65_535), name, type: fc.constantFrom('A' as const, 'AAAA', 'TXT', 'MX', 'SRV') })
  .map(({ id, name, type }) =>
    packet.encode({ type: 'query', id, flags: packet.RECURSION_DESIRED, questions: [{ type, name }] }),
  )
/** A message with some bytes changed, cut or added. */
const damaged = (message: fc.Arbitrary<Buffer>) =>
  fc
    .tuple(
      message,
      fc.array(fc.tuple(fc.nat(65_535), fc.nat(255)), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 4 }),
      fc.nat(8),
    )
    .map(([whole, changes, tail, cut]) => {
      const bytes = Buffer.concat([whole.subarray(0, whole.length - cut), tail])
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      return bytes
    })
const garbage = fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes))

const isSound = (message: Buffer) => !('fault' in readMessage(message))

test('a query of any bytes is answered with a sound message under its own id, or is no query', () => {
  fc.assert(
    fc.property(fc.oneof({ weight: 5, arbitrary: damaged(question) }, garbage), bytes => {
      const query = readQuery(bytes)
      if ('fault' in query) return
      const reply =
        'asker' in query
          ? errorReply(query.asker, query.rcode, true, ['other', 'text'])
          : answerOverride(query, ['10.0.0.1', 'fd00::1'], 7, true, DNS_LIMITS)
      assert.ok(isSound(reply.message))
      assert.equal(reply.message.readUInt16BE(0), bytes.readUInt16BE(0))
      if (!('asker' in query)) assert.ok(isSound(query.forward))
    }),
    { numRuns: 5_000 },
  )
})

test('an answer of any bytes is passed on as a sound message, or not at all', () => {
  const query = readQuery(packet.encode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'a.test' }] }))
  assert.ok('forward' in query)
  const answer = fc
    .record({ name, ttl: fc.nat(2 ** 31 - 1), text: fc.uint8Array({ maxLength: 50 }) })
    .map(({ name, ttl, text }) =>
      packet.encode({
        type: 'response',
        questions: [{ type: 'A', name: 'a.test' }],
        answers: [
          { type: 'CNAME', name: 'a.test', ttl, data: name },
          { type: 'A', name, ttl, data: '192.0.2.1' },
          { type: 'TXT', name, ttl, data: Buffer.from(text) },
        ],
      }),
    )
  let passedOn = 0
  fc.assert(
    fc.property(fc.oneof({ weight: 5, arbitrary: damaged(answer) }, garbage), bytes => {
      const read = readAnswer(bytes, query.forward, 0)
      if ('fault' in read) return
      passedOn++
      assert.ok(isSound(writeReply(query, read, { ageSeconds: 1 })))
    }),
    { numRuns: 5_000 },
  )
  assert.ok(passedOn > 50, String(passedOn))
})
