import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type EncodedRecord, partId } from '@fluxgate/nats'
import fc from 'fast-check'
import { findRecord, readRecord, recordBytes, type SpoolRecord, writeRecord } from './record.ts'

const ascii = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'abcXYZ019_-.'), minLength: 1, maxLength })
const event: fc.Arbitrary<EncodedRecord> = fc.record({
  id: ascii(64),
  subject: ascii(250),
  part: fc.constant(undefined),
  payload: fc.uint8Array({ maxLength: 400 }),
})
const partOfBatch: fc.Arbitrary<EncodedRecord> = fc
  .record({
    batch: ascii(50),
    first: fc.nat(511),
    events: fc.nat(512),
    source: ascii(80),
    schemas: ascii(300),
    subject: ascii(30),
    payload: fc.uint8Array({ maxLength: 400 }),
  })
  .map(({ subject, payload, ...part }) => ({ subject, payload, part, id: partId(part.batch, part.first) }))
const record = fc.oneof(event, partOfBatch)

function encode(events: readonly EncodedRecord[]): Buffer {
  const buffer = Buffer.alloc(events.reduce((sum, each) => sum + recordBytes(each), 0))
  let at = 0
  events.forEach((each, i) => {
    at = writeRecord(buffer, at, i % 2 === 0 ? 'event' : 'context', each, i, 1_000 + i)
  })
  assert.equal(at, buffer.length)
  return buffer
}

function readAll(buffer: Buffer): SpoolRecord[] {
  const records: SpoolRecord[] = []
  for (let at = 0; at < buffer.length; ) {
    const record = readRecord(buffer, at)
    if (typeof record === 'string') break
    records.push(record)
    at += record.bytes
  }
  return records
}

const seen = (records: readonly SpoolRecord[]) =>
  records.map(({ id, subject, part, payload }) => ({
    id,
    subject,
    part,
    payload: Buffer.from(payload).toString('hex'),
  }))
const given = (events: readonly EncodedRecord[]) =>
  events.map(({ id, subject, part, payload }) => ({
    id,
    subject,
    part,
    payload: Buffer.from(payload).toString('hex'),
  }))

describe('a record', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 8 }), events => {
        const records = readAll(encode(events))
        assert.deepEqual(seen(records), given(events))
        records.forEach((record, i) => {
          assert.deepEqual(
            [record.kind, record.position, record.atMs],
            [i % 2 === 0 ? 'event' : 'context', i, 1_000 + i],
          )
        })
      }),
    )
  })

  it('is whole or not there, wherever a crash cuts the file', () => {
    const [first, second] = fc.sample(event, { numRuns: 2, seed: 7 }) as [EncodedRecord, EncodedRecord]
    const whole = encode([first, second])
    const boundary = recordBytes(first)
    for (let length = 0; length < whole.length; length++) {
      const records = readAll(whole.subarray(0, length))
      assert.deepEqual(seen(records), given(length >= boundary ? [first] : []), `cut at ${length}`)
    }
  })

  it('is not read when any byte of it has changed, and what comes after it is found', () => {
    fc.assert(
      fc.property(event, event, fc.nat(), fc.integer({ min: 1, max: 255 }), (first, second, nth, flip) => {
        const bytes = encode([first, second])
        const boundary = recordBytes(first)
        bytes[nth % boundary]! ^= flip
        assert.equal(typeof readRecord(bytes, 0), 'string')
        const at = findRecord(bytes, 0)
        assert.equal(at, boundary)
        assert.deepEqual(seen(readAll(bytes.subarray(at))), given([second]))
      }),
    )
  })

  it('is found in no random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        assert.equal(findRecord(Buffer.from(bytes), 0), bytes.length)
      }),
    )
  })
})
