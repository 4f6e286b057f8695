import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as packet from 'dns-packet'
import { parseOverrides } from '../config/dns-overrides.ts'
import { DNS_LIMITS } from './limits.ts'
import { answerOverride, overrideTable } from './overrides.ts'
import { type DnsQuery, readQuery } from './query.ts'

const NODES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', '10.0.0.1', 'not-an-address']

function query(name: string, type: packet.RecordType = 'A'): DnsQuery {
  const read = readQuery(packet.encode({ type: 'query', questions: [{ type, name }] }))
  assert.ok('forward' in read)
  return read
}

function answer(type: packet.RecordType, turn = 0, addresses: readonly string[] = NODES) {
  const { message, maxAgeSeconds } = answerOverride(
    query('api.test', type),
    addresses,
    turn,
    true,
    DNS_LIMITS,
  )
  return { ...packet.decode(message), maxAgeSeconds, rcode: message.readUInt16BE(2) & 15 }
}

describe('DNS overrides', () => {
  it('rotate: each address comes first in its turn', () => {
    const firsts = [0, 1, 2, 3].map(turn => answer('A', turn).answers?.map(one => 'data' in one && one.data))
    assert.deepEqual(firsts[0], ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
    assert.deepEqual(
      firsts.map(list => list?.[0]),
      ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1'],
    )
  })

  it('answer A and AAAA by the asked type, with 30 seconds to live', () => {
    const [six] = answer('AAAA').answers ?? []
    assert.deepEqual(six?.type === 'AAAA' && [six.data, six.ttl], ['fd00::1', 30])
    assert.equal(answer('A').maxAgeSeconds, 30)
  })

  it('deny every other type with an SOA', () => {
    for (const type of ['MX', 'TXT', 'NS', 'SRV'] as const) {
      const denied = answer(type)
      assert.deepEqual([denied.rcode, denied.answers?.length, denied.authorities?.[0]?.type], [0, 0, 'SOA'])
    }
    assert.equal(answer('AAAA', 0, ['10.0.0.1']).authorities?.length, 1)
  })

  it('fail, and do not deny, when no node is live', () => {
    assert.deepEqual([answer('A', 0, []).rcode, answer('A', 0, []).maxAgeSeconds], [2, 0])
  })

  it('bound the addresses of one answer', () => {
    const many = Array.from({ length: 100 }, (_, index) => `10.0.1.${index}`)
    assert.equal(answer('A', 5, many).answers?.length, 16)
  })

  it('match the exact name before the nearest wildcard, which does not match its own parent', () => {
    const of = overrideTable([
      { name: 'a.test', addresses: ['10.0.0.1'] },
      { name: '*.test', addresses: ['10.0.0.2'] },
      { name: '*.deep.test', addresses: ['10.0.0.3'] },
    ])
    const found = (name: string) => of(query(name))?.addresses[0]
    assert.deepEqual(['A.test', 'b.test', 'x.y.deep.test', 'deep.test', 'test', 'a.test.org'].map(found), [
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.3',
      '10.0.0.2',
      undefined,
      undefined,
    ])
  })

  it('are read from a list in which addresses follow their name', () => {
    const parts = ['API.openai.com.', 'ollama=10.0.0.5', 'fd00::5', '*.models.test']
    assert.deepEqual(parseOverrides(parts), {
      overrides: [
        { name: 'api.openai.com', addresses: 'nodes' },
        { name: 'ollama', addresses: ['10.0.0.5', 'fd00::5'] },
        { name: '*.models.test', addresses: 'nodes' },
      ],
      faults: [],
    })
    const bad = ['10.0.0.1', 'a b', 'x=nowhere', `${'y'.repeat(64)}.test`, '-a.test', '=10.0.0.1']
    for (const part of bad) assert.equal(parseOverrides([part]).faults.length, 1, part)
  })
})
