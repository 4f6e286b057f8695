import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as packet from 'dns-packet'
import { readAnswer } from './answer.ts'
import { DNS_LIMITS } from './limits.ts'
import { answerOverride } from './overrides.ts'
import { readQuery } from './query.ts'
import { errorReply, writeReply } from './reply.ts'
import { nameEnd, readMessage } from './wire.ts'

const CASES = 40_000
const PARSE_MS_MAX = 50

/** A small seeded generator (mulberry32), so that a failure can be repeated. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d_2b_79_f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** The best of three where the first was slow: another process may have had the processor. */
function quickestMs(work: () => unknown): number {
  let bestMs = Number.POSITIVE_INFINITY
  for (let left = 3; left > 0 && bestMs >= PARSE_MS_MAX; left--) {
    const startedMs = performance.now()
    work()
    bestMs = Math.min(bestMs, performance.now() - startedMs)
  }
  return bestMs
}

const NAME = 'host.example.test'
const OPT: packet.Answer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1_232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: packet.DNSSEC_OK,
  flag_do: true,
  options: [{ code: 12, length: 20 }],
}
const SOA = { mname: 'ns.test', rname: 'admin.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 }
const QUERY = packet.encode({
  type: 'query',
  id: 7,
  questions: [{ type: 'A', name: NAME }],
  additionals: [OPT],
})
const ANSWER = packet.encode({
  type: 'response',
  questions: [{ type: 'A', name: NAME }],
  answers: [
    { type: 'CNAME', name: NAME, ttl: 60, data: 'other.test' },
    { type: 'A', name: 'other.test', ttl: 60, data: '192.0.2.1' },
    { type: 'MX', name: NAME, ttl: 60, data: { preference: 1, exchange: 'mx.test' } },
    { type: 'TXT', name: NAME, ttl: 60, data: ['text', 'more'] },
    { type: 'SRV', name: NAME, ttl: 60, data: { port: 1, target: 'srv.test' } },
  ],
  authorities: [{ type: 'SOA', name: 'test', ttl: 9, data: SOA }],
  additionals: [OPT, { type: 'AAAA', name: 'ns.test', ttl: 60, data: '2001:db8::1' }],
})

/** Flips, overwrites, inserts, removes and cuts; lengths and counts are hit as often as all else. */
function mutate(original: Buffer, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(original)
  for (let left = 1 + random(4); left > 0 && bytes.length > 0; left--) {
    const at = random(3) === 0 ? random(Math.min(bytes.length, 12)) : random(bytes.length)
    const kind = random(6)
    if (kind === 0) bytes[at] = bytes[at]! ^ (1 << random(8))
    if (kind === 1) bytes[at] = [0, 0xff, 0xc0, 0x3f, 0x40, 41][random(6)]!
    if (kind === 2)
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        Buffer.alloc(1 + random(3), random(256)),
        bytes.subarray(at),
      ])
    if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(4))])
    if (kind === 4 && random(4) === 0) bytes = bytes.subarray(0, at)
    if (kind === 5) bytes[at] = random(256)
  }
  return bytes
}

describe('DNS wire format', () => {
  it(`survives ${CASES} mutated queries, and every reply to them is a sound message`, () => {
    const random = seeded(1)
    let slowestMs = 0
    const kinds = { malformed: 0, refused: 0, accepted: 0 }
    for (let i = 0; i < CASES; i++) {
      const bytes = mutate(QUERY, random)
      const query = readQuery(bytes)
      slowestMs = Math.max(
        slowestMs,
        quickestMs(() => readQuery(bytes)),
      )
      if ('fault' in query) {
        kinds.malformed++
        continue
      }
      const isRefused = 'asker' in query
      kinds[isRefused ? 'refused' : 'accepted']++
      const reply = isRefused
        ? errorReply(query.asker, query.rcode, true, ['other', 'text'])
        : answerOverride(query, ['10.0.0.1', 'fd00::1'], i, true, DNS_LIMITS)
      const read = readMessage(reply.message)
      assert.ok(!('fault' in read), `case ${i}: ${bytes.toString('hex')}`)
      assert.equal(reply.message.readUInt16BE(0), bytes.readUInt16BE(0))
      if (!isRefused)
        assert.ok(!('fault' in readMessage(query.forward)), `case ${i}: ${bytes.toString('hex')}`)
    }
    assert.ok(slowestMs < PARSE_MS_MAX, `${slowestMs} ms`)
    assert.ok(Math.min(...Object.values(kinds)) > CASES / 50, JSON.stringify(kinds))
  })

  it(`survives ${CASES} mutated answers, and what is passed on is a sound message`, () => {
    const random = seeded(2)
    const query = readQuery(QUERY)
    assert.ok('forward' in query)
    let accepted = 0
    for (let i = 0; i < CASES; i++) {
      const bytes = mutate(ANSWER, random)
      const answer = readAnswer(bytes, query.forward, random(100))
      if ('fault' in answer) continue
      accepted++
      const message = writeReply(query, answer, { ageSeconds: random(100) })
      assert.ok(!('fault' in readMessage(message)), `case ${i}: ${bytes.toString('hex')}`)
    }
    assert.ok(accepted > CASES / 50, String(accepted))
  })

  it('survives random bytes', () => {
    const random = seeded(3)
    for (let i = 0; i < CASES; i++) {
      const bytes = Buffer.from(Array.from({ length: random(80) }, () => random(256)))
      readQuery(bytes)
      readMessage(bytes)
    }
  })

  it('does not follow pointers in circles, however many there are', () => {
    const bytes = Buffer.alloc(65_535)
    for (let at = 12; at < 16_000; at += 2) bytes.writeUInt16BE(0xc0_00 | Math.max(12, at - 2), at)
    assert.equal(nameEnd(bytes, 15_998), -1)
    bytes.writeUInt16BE(0, 12)
    assert.equal(nameEnd(bytes, 15_998), 16_000)
    assert.equal(nameEnd(Buffer.concat([Buffer.alloc(12), Buffer.from([0xc0, 14, 0xc0, 12])]), 12), -1)
  })

  it('reads the most records that fit without quadratic effort', () => {
    const count = Math.floor((65_535 - 12) / 11)
    const bytes = Buffer.alloc(12 + count * 11)
    bytes.writeUInt16BE(count, 6)
    const message = readMessage(bytes)
    assert.ok(quickestMs(() => readMessage(bytes)) < PARSE_MS_MAX)
    assert.equal('records' in message && message.records.length, count)
  })
})
