import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type DataOf, MINUTE_MS, type RequestAdmitted } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import type { Decision } from '../decide.ts'
import { ada, bob, decisionsOver, Log, POLICY, T0 } from '../test-events.ts'
import type { RuleName } from '../whole-policy.ts'

/** What one rule decides over a log, under the default policy. */
function found(log: Log, rule: RuleName, policy = POLICY): Decision[] {
  return decisionsOver(log.entries, policy).filter(decision => decision.rule === rule)
}

function requestOf({ event }: { event: { data: unknown } }): string {
  return (event.data as DataOf<typeof RequestAdmitted>).request
}

describe('token drain', () => {
  /** Twelve windows of some thousand tokens, then what `last` says. */
  function used(each: (window: number) => number, last: number): Log {
    const log = new Log()
    for (let window = 0; window < 12; window++) {
      for (let i = 0; i < 10; i++) log.settled(window * 2 * MINUTE_MS + i * 10_000, each(window) / 10)
    }
    for (let i = 0; i < 10; i++) log.settled(24 * MINUTE_MS + i * 1_000, last / 10)
    return log
  }

  it('finds tenfold the use that is usual for this identity, at the event that crosses', () => {
    const log = used(window => 9_000 + (window % 3) * 1_000, 200_000)
    const [decision, ...more] = found(log, 'tokenDrain')
    assert.deepEqual(more, [])
    assert.deepEqual(decision?.identity, ada)
    assert.equal(decision?.numbers.baselineTokens, 10_000)
    assert.equal(decision?.numbers.activeWindows, 12)
    assert.ok(
      decision!.numbers.zScore! > 6 && decision!.numbers.burntTokens! > decision!.numbers.limitTokens!,
    )
    assert.match(
      decision!.explanation,
      /^Consumed 100000 tokens in a window of 120 s\. Its own baseline is 10000.* a robust z-score of 6\.\d+, and the policy allows 6/,
    )
    assert.deepEqual([decision!.action, decision!.throttle], ['observe', undefined])
  })

  it('is not found in five times the usual use, in little use, or before the warm-up', () => {
    assert.deepEqual(
      found(
        used(() => 10_000, 50_000),
        'tokenDrain',
      ),
      [],
    )
    assert.deepEqual(
      found(
        used(() => 100, 19_000),
        'tokenDrain',
      ),
      [],
    )
    const young = new Log()
    for (let window = 0; window < 7; window++) young.settled(window * 2 * MINUTE_MS, 1_000)
    young.settled(14 * MINUTE_MS, 1_000_000)
    assert.deepEqual(found(young, 'tokenDrain'), [])
  })

  it('is not found in use that was always wild', () => {
    const log = used(window => [300, 30_000, 3_000, 90_000][window % 4]!, 300_000)
    assert.deepEqual(found(log, 'tokenDrain'), [])
  })

  it('does not let one wild window become the baseline', () => {
    const log = used(window => (window === 5 ? 90_000 : 10_000), 200_000)
    assert.equal(found(log, 'tokenDrain').length, 1)
  })
})

describe('request flood', () => {
  it('finds more calls than any tier allows, refused ones too', () => {
    const log = new Log()
    for (let i = 0; i < 1_600; i++) i % 2 ? log.admitted(i * 5) : log.refused(i * 5, 'rate_limited')
    const [decision, ...more] = found(log, 'requestFlood')
    assert.deepEqual(more, [])
    assert.equal(decision?.numbers.count, 1_501)
    assert.equal(decision?.explanation, '1501 calls within 10 s. The policy allows 1500.')
    assert.ok(decision!.evidence.length > 40)
    assert.equal(decision?.throttle?.capacity, POLICY.penalty.capacity)
  })

  it('is not found at the rate of the largest tier, for an hour, or in an outage of ours', () => {
    const steady = new Log()
    for (let i = 0; i < 60_000; i++) steady.admitted(i * 10)
    assert.deepEqual(found(steady, 'requestFlood'), [])
    const outage = new Log()
    for (let i = 0; i < 5_000; i++) outage.refused(i, 'unavailable')
    assert.deepEqual(found(outage, 'requestFlood'), [])
  })
})

describe('failed logins', () => {
  it('are found per account, from many addresses, and only observed: strangers lock no user out', () => {
    const log = new Log()
    for (let i = 0; i < 11; i++) log.loginFailed(i * 30_000, 7, `10.0.0.${i}`)
    const [decision, ...more] = found(log, 'failedLoginsAccount')
    assert.deepEqual(more, [])
    assert.deepEqual(decision?.identity, { user: 'user7', key: 'portal' })
    assert.equal(decision?.action, 'observe')
    assert.deepEqual(found(log, 'failedLoginsAddress'), [])
  })

  it('are counted by account for accounts that do not exist', () => {
    const log = new Log()
    for (let i = 0; i < 22; i++) log.loginFailed(i * 10_000, i % 2, `10.0.0.${i}`, 'anonymous')
    const identities = found(log, 'failedLoginsAccount').map(d => d.identity)
    assert.equal(identities.length, 2)
    assert.notDeepEqual(identities[0], identities[1])
  })

  it('are found per address, for many accounts, and block it', () => {
    const log = new Log()
    for (let i = 0; i < 21; i++) log.loginFailed(i * 1_000, i, '10.9.9.9')
    const [decision, ...more] = found(log, 'failedLoginsAddress')
    assert.deepEqual(more, [])
    assert.deepEqual(decision?.identity, addressIdentity('10.9.9.9'))
    assert.deepEqual([decision?.throttle?.capacity, decision?.throttle?.refillRate], [0, 0])
    assert.match(decision!.explanation, /^Logins to 21 accounts failed from 10\.9\.9\.9 within 600 s/)
    assert.deepEqual(found(log, 'failedLoginsAccount'), [])
  })

  it('are not found per address when one account fails a hundred times', () => {
    const log = new Log()
    for (let i = 0; i < 100; i++) log.loginFailed(i * 1_000, 7, '10.9.9.9')
    assert.deepEqual(found(log, 'failedLoginsAddress'), [])
    assert.ok(found(log, 'failedLoginsAccount').length > 0)
  })

  it('are subject by the keyed hash that events have of an address', () => {
    const log = new Log()
    const address = 'a_00112233445566778899'
    for (let i = 0; i < 21; i++) log.loginFailed(i * 1_000, i, address)
    const [decision] = found(log, 'failedLoginsAddress')
    assert.deepEqual(decision?.identity, { user: 'anonymous', key: address })
  })

  it('are not found in ten mistakes, or twenty of an office, or a mistake every minute', () => {
    const log = new Log()
    for (let i = 0; i < 10; i++) log.loginFailed(i * 1_000, 1, '10.0.0.1')
    for (let i = 0; i < 20; i++) log.loginFailed(20_000 + i * 1_000, 10 + (i % 5), '10.0.0.2')
    for (let i = 0; i < 300; i++) log.loginFailed(MINUTE_MS * (i + 1), 100, '10.0.0.3')
    assert.deepEqual(decisionsOver(log.entries), [])
  })
})

describe('key guessing', () => {
  it('finds keys tried from one address, and blocks it', () => {
    const log = new Log()
    for (let i = 0; i < 31; i++) log.keyRejected(i * 500, i % 2 ? 'unknown' : 'malformed', '10.6.6.6')
    const [decision, ...more] = found(log, 'keyGuessing')
    assert.deepEqual(more, [])
    assert.deepEqual(decision?.identity, addressIdentity('10.6.6.6'))
    assert.deepEqual([decision?.action, decision?.throttle?.capacity], ['block', 0])
  })

  it('is not found in calls without a key, thirty mistakes, or mistakes of many addresses', () => {
    const log = new Log()
    for (let i = 0; i < 1_000; i++) log.keyRejected(i, 'missing')
    for (let i = 0; i < 30; i++) log.keyRejected(2_000 + i, 'unknown')
    for (let i = 0; i < 1_000; i++) log.keyRejected(3_000 + i, 'unknown', `10.0.1.${i % 200}`)
    assert.deepEqual(found(log, 'keyGuessing'), [])
  })
})

describe('key sharing', () => {
  it('finds one key used from many addresses at once', () => {
    const log = new Log()
    for (let i = 0; i < 12; i++) log.keyAccepted(i * 1_000, `10.0.0.${i}`)
    const [decision, ...more] = found(log, 'keySharing')
    assert.deepEqual(more, [])
    assert.deepEqual([decision?.numbers.addresses, decision?.evidence.length], [11, 11])
    assert.equal(decision?.severity, 'high')
  })

  it('is not found in ten addresses all day, one that changes every minute, or many keys', () => {
    const log = new Log()
    for (let minute = 0; minute < 600; minute++) {
      for (let i = 0; i < 10; i++) log.keyAccepted(minute * MINUTE_MS + i, `10.0.0.${i}`)
      log.keyAccepted(minute * MINUTE_MS + 20, `10.1.${minute >> 8}.${minute & 255}`, bob)
      log.keyAccepted(minute * MINUTE_MS + 30, '10.0.0.1', { user: `user${minute}`, key: 'k' })
    }
    assert.deepEqual(decisionsOver(log.entries), [])
  })
})

describe('concurrent streams', () => {
  it('finds streams that run at once, and names them', () => {
    const log = new Log()
    for (let i = 0; i < 251; i++) log.admitted(i * 100, ada, { stream: true })
    const [decision, ...more] = found(log, 'concurrentStreams')
    assert.deepEqual(more, [])
    assert.equal(decision?.numbers.streams, 251)
    assert.equal(decision?.evidence.length, 50)
  })

  it('is not found in many streams one after another, calls that do not stream, or ends that were lost', () => {
    const log = new Log()
    for (let i = 0; i < 3_000; i++) {
      const request = requestOf(log.admitted(i * 100, ada, { stream: true }))
      log.completed(i * 100 + 50, request)
      log.admitted(i * 100 + 60, bob)
    }
    const lost = { user: 'eve', key: 'k' }
    for (let i = 0; i < 600; i++) log.admitted(MINUTE_MS * (i + 6), lost, { stream: true })
    assert.deepEqual(found(log, 'concurrentStreams'), [])
  })
})

describe('error probing', () => {
  it('finds models that are scanned', () => {
    const log = new Log()
    for (let i = 0; i < 21; i++) {
      log.refused(i * 100, 'not_found', ada, `gpt-${i}`)
      for (let ok = 0; ok < 9; ok++) log.completed(i * 100 + ok, 'req_00000001')
    }
    const [decision, ...more] = found(log, 'errorProbing')
    assert.deepEqual(more, [])
    assert.match(decision!.explanation, /21 different models were asked for that are not served/)
    assert.equal(decision!.evidence.length, 21)
  })

  it('finds a storm of client errors, of ours and of the upstream', () => {
    const log = new Log()
    for (let i = 0; i < 101; i++) {
      if (i % 2) log.refused(i * 100, 'invalid_request')
      else log.completed(i * 100, 'req_00000001', ada, 400)
    }
    const [decision, ...more] = found(log, 'errorProbing')
    assert.deepEqual(more, [])
    assert.match(decision!.explanation, /^101 of 101 calls within 60 s were answered with a client error/)
  })

  it('is not found among enough good calls, in limits that are reached, or in one wrong name', () => {
    const busy = new Log()
    for (let i = 0; i < 6_000; i++) busy.completed(i * 10, 'req_00000001', ada, i % 10 === 0 ? 400 : 200)
    assert.deepEqual(found(busy, 'errorProbing'), [])
    const limited = new Log()
    for (let i = 0; i < 1_000; i++) {
      limited.refused(i * 10, i % 2 ? 'rate_limited' : 'unauthenticated')
      limited.completed(i * 10, 'req_00000001', bob, i % 2 ? 429 : 500)
    }
    for (let i = 0; i < 100; i++) limited.refused(20_000 + i * 10, 'not_found', ada, 'gpt-5')
    assert.deepEqual(found(limited, 'errorProbing'), [])
  })
})

describe('oversized prompts', () => {
  it('finds one after another, and bodies that are too large', () => {
    const log = new Log()
    for (let i = 0; i < 6; i++) log.admitted(i * 1_000, ada, { promptEstimate: 150_000 })
    for (let i = 0; i < 5; i++) log.refused(7_000 + i * 1_000, 'too_large')
    const [decision, ...more] = found(log, 'oversizedPrompts')
    assert.deepEqual(more, [])
    assert.match(decision!.explanation, /^11 prompts of more than 100000 tokens/)
  })

  it('is not found in long prompts below the size, or a very long one every ten seconds', () => {
    const log = new Log()
    for (let i = 0; i < 600; i++) log.admitted(i * 1_000, ada, { promptEstimate: 100_000 })
    for (let i = 0; i < 600; i++) log.admitted(i * 10_000, bob, { promptEstimate: 1_000_000 })
    assert.deepEqual(found(log, 'oversizedPrompts'), [])
  })
})

describe('dead keys', () => {
  it('finds revoked and expired keys that are used again and again', () => {
    const log = new Log()
    for (let i = 0; i < 11; i++) log.keyRejected(i * 10_000, i % 2 ? 'revoked' : 'expired', '10.7.7.7')
    const [decision, ...more] = found(log, 'deadKeys')
    assert.deepEqual(more, [])
    assert.deepEqual(decision?.identity, addressIdentity('10.7.7.7'))
    assert.equal(decision?.atMs, T0 + 100_000)
  })

  it('is not found in ten tries, or one every minute for a day', () => {
    const log = new Log()
    for (let i = 0; i < 10; i++) log.keyRejected(i, 'revoked', '10.0.0.2')
    for (let i = 0; i < 1_440; i++) log.keyRejected(i * MINUTE_MS, 'expired', '10.0.0.3')
    assert.deepEqual(decisionsOver(log.entries), [])
  })
})
