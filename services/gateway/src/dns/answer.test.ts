import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as packet from 'dns-packet'
import { type Answer, readAnswer } from './answer.ts'
import { type DnsQuery, readQuery } from './query.ts'
import { writeReply } from './reply.ts'

const NAME = 'host.test'
const OPT = Buffer.from([0, 0, 41, 4, 0, 0, 0, 0x80, 0, 0, 6, 0xfd, 0xe9, 0, 2, 0x68, 0x69])

function query(isEdns = true): DnsQuery {
  const bytes = packet.encode({ type: 'query', id: 9, questions: [{ type: 'A', name: NAME }] })
  bytes.writeUInt16BE(isEdns ? 1 : 0, 10)
  const read = readQuery(isEdns ? Buffer.concat([bytes, OPT.subarray(0, 9), Buffer.alloc(2)]) : bytes)
  assert.ok('forward' in read)
  return read
}

/** A response made of raw records, section by section. */
function response(sections: readonly [Buffer[], Buffer[], Buffer[]], flags = 0x81_80): Buffer {
  const head = packet.encode({ type: 'response', questions: [{ type: 'A', name: NAME }] })
  head.writeUInt16BE(flags, 2)
  sections.forEach((records, index) => void head.writeUInt16BE(records.length, 6 + 2 * index))
  return Buffer.concat([head, ...sections.flat()])
}

function record(type: number, ttl: number, data: Buffer, owner = Buffer.from([0xc0, 12])): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(ttl, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([owner, fixed, data])
}

function read(bytes: Buffer, ageSeconds = 0): Answer {
  const answer = readAnswer(bytes, query().forward, ageSeconds)
  assert.ok(!('fault' in answer), 'fault' in answer ? answer.fault : '')
  return answer
}

const A = record(1, 300, Buffer.from([192, 0, 2, 1]))

describe('upstream answers', () => {
  it('pass unknown types and options on, byte for byte', () => {
    const unknown = record(65_280, 77, Buffer.from('any bytes \0\xff', 'latin1'))
    const bytes = response([[A, unknown], [], [OPT]])
    const answer = read(bytes)
    const written = writeReply(query(), answer)
    assert.ok(written.includes(unknown))
    const expected = Buffer.from(bytes)
    expected.writeUInt16BE(9, 0)
    // Only the payload size of the OPT record is ours.
    expected.writeUInt16BE(4_096, expected.length - OPT.length + 3)
    assert.deepEqual(written, expected)
    assert.equal(answer.freshSeconds, 77)
  })

  it('keep records after OPT, except those that may point behind it', () => {
    const far = Buffer.alloc(2)
    const glue = record(28, 60, Buffer.alloc(16, 1), Buffer.from([2, 0x6e, 0x73, 0]))
    const ns = record(2, 60, Buffer.from([0xc0, 12]))
    const before = response([[A], [], []])
    far.writeUInt16BE(0xc0_00 | (before.length + OPT.length), 0)
    const pointing = record(28, 60, Buffer.alloc(16, 2), far)
    const answer = read(response([[A], [], [OPT, glue, pointing, ns]]))
    const written = packet.decode(writeReply(query(), answer, { ageSeconds: 10 }))
    assert.deepEqual(
      written.additionals?.map(one => [one.type, one.name, 'ttl' in one ? one.ttl : undefined]),
      [
        ['AAAA', 'ns', 50],
        ['OPT', '.', undefined],
      ],
    )
    assert.equal(packet.decode(writeReply(query(false), answer)).additionals?.length, 1)
  })

  it('count the SOA of a denial behind an alias too', () => {
    const alias = record(5, 900, Buffer.from([1, 0x61, 0]))
    const soa = record(
      6,
      400,
      Buffer.concat([Buffer.from([0, 0]), Buffer.alloc(16), Buffer.from([0, 0, 0, 50])]),
    )
    const answer = read(response([[alias], [soa], []], 0x81_83))
    assert.deepEqual([answer.freshSeconds, answer.isNegative, answer.isNameAbsent], [50, true, false])
    assert.equal(read(response([[alias], [], []])).isNegative, true)
    assert.equal(read(response([[A], [], []])).isNegative, false)
  })

  it('are not fresh when truncated, failed, denied without an SOA, or as old as their TTL', () => {
    assert.equal(read(response([[A], [], []], 0x83_80)).freshSeconds, 0)
    assert.equal(read(response([[A], [], []], 0x81_82)).freshSeconds, 0)
    assert.equal(read(response([[], [], []], 0x81_83)).freshSeconds, 0)
    assert.equal(read(response([[A], [], []]), 301).freshSeconds, 0)
  })

  it('are refused when anything does not fit the query', () => {
    const good = response([[A], [], []])
    const patched = (offset: number, value: number) => {
      const bytes = Buffer.from(good)
      bytes[offset] = value
      return bytes
    }
    const bad = [
      patched(0, 1),
      patched(2, 1),
      patched(2, 0x91),
      patched(13, 0x7a),
      patched(22, 28),
      patched(24, 3),
      patched(good.length - 5, 5),
      response([[A], [], [OPT, OPT]]),
      response([[OPT], [], []]),
      response([[record(1, 1, Buffer.alloc(3))], [], []]),
      response([[record(5, 1, Buffer.from([0xc0, 39]))], [], []]),
      good.subarray(0, 12),
    ]
    for (const bytes of bad) {
      assert.ok('fault' in readAnswer(bytes, query().forward, 0), bytes.toString('hex'))
    }
    assert.ok(
      !('fault' in readAnswer(patched(13, 0x48), query().forward, 0)),
      'another case is the same name',
    )
  })
})
