import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseDnsAccess } from '../config/dns-access.ts'
import { ClientQuota } from './client-quota.ts'

const LIMITS = { clientQueries: 3, clientRate: 10, clientBurst: 5, clientAddresses: 4 }

describe('DNS client quota', () => {
  it('refuses an address when its questions wait, and not another one', () => {
    const quota = new ClientQuota(LIMITS)
    assert.deepEqual(
      [1, 2, 3, 4].map(() => quota.begin('a', 0)),
      [true, true, true, false],
    )
    assert.equal(quota.begin('b', 0), true)
    quota.end('a')
    assert.equal(quota.begin('a', 0), true)
  })

  it('refuses an address when it has asked too often, until time has passed', () => {
    const quota = new ClientQuota(LIMITS)
    const ask = (nowMs: number) => {
      const taken = quota.begin('a', nowMs)
      if (taken) quota.end('a')
      return taken
    }
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map(() => ask(0)),
      [true, true, true, true, true, false],
    )
    assert.equal(ask(99), false)
    assert.equal(ask(200), true)
  })

  it('remembers no more addresses than its bound, and none that waits is forgotten', () => {
    const quota = new ClientQuota(LIMITS)
    for (let i = 0; i < 3; i++) quota.begin('waits', 0)
    for (let i = 0; i < 1_000; i++) {
      quota.begin(`x${i}`, 0)
      quota.end(`x${i}`)
    }
    assert.equal(quota.size, LIMITS.clientAddresses)
    assert.equal(quota.begin('waits', 0), false)
  })
})

describe('DNS access', () => {
  it('is read from its words and from networks', () => {
    for (const kind of ['open', 'keys', 'off'] as const) assert.deepEqual(parseDnsAccess(kind), { kind })
    assert.deepEqual(parseDnsAccess('private'), {
      kind: 'networks',
      networks: ['loopback', 'linklocal', 'uniquelocal'],
    })
    assert.deepEqual(parseDnsAccess('networks:10.0.0.0/8, fd00::/8,192.0.2.1'), {
      kind: 'networks',
      networks: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'],
    })
  })

  it('is a fault when it names no network', () => {
    for (const text of [
      '',
      'yes',
      'networks:',
      'networks:10.0.0.0/33',
      'networks:::1/129',
      'networks:a/8',
      'networks:10.0.0.0/8/8',
    ]) {
      assert.ok('fault' in parseDnsAccess(text), text)
    }
  })
})
