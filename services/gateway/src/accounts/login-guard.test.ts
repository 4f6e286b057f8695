import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addressGroup } from '@fluxgate/contracts'
import { Backoff } from './backoff.ts'
import { deviceCookies } from './device-cookie.ts'
import { normaliseEmail } from './email.ts'
import { type Attempt, DEFAULT_GUARD_LIMITS, LoginGuard } from './login-guard.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const limits = { freeFailures: 4, baseMs: SECOND, maxMs: 15 * MINUTE, forgetMs: 60 * MINUTE, maxEntries: 3 }

describe('back-off', () => {
  test('begins with the fifth failure, doubles and ends at fifteen minutes', () => {
    const backoff = new Backoff(limits)
    const waits = Array.from({ length: 17 }, () => {
      backoff.fail('a', 0)
      return backoff.waitMs('a', 0) / SECOND
    })
    assert.deepEqual(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900])
    assert.equal(backoff.waitMs('a', 899 * SECOND), SECOND)
    assert.equal(backoff.waitMs('a', 900 * SECOND), 0)
    assert.equal(backoff.waitMs('b', 0), 0)
  })

  test('is forgotten after an hour of quiet, and forgiven at once', () => {
    const backoff = new Backoff(limits)
    for (let i = 0; i < 30; i++) backoff.fail('a', 0)
    assert.equal(backoff.waitMs('a', 60 * MINUTE), 0)
    assert.equal(backoff.size, 0)
    for (let i = 0; i < 30; i++) backoff.fail('a', 0)
    backoff.forgive('a')
    assert.equal(backoff.waitMs('a', 0), 0)
  })

  test('takes back what was no failure', () => {
    const backoff = new Backoff(limits)
    for (let i = 0; i < 5; i++) backoff.fail('a', 0)
    backoff.undo('a')
    assert.equal(backoff.waitMs('a', 0), 0)
    for (let i = 0; i < 4; i++) backoff.undo('a')
    assert.equal(backoff.size, 0)
    backoff.undo('never seen')
  })

  test('tells of a wait once', () => {
    const backoff = new Backoff(limits)
    for (let i = 0; i < 5; i++) backoff.fail('a', 0)
    assert.deepEqual(
      [backoff.reportOnce('a'), backoff.reportOnce('a'), backoff.reportOnce('b')],
      [true, false, false],
    )
    backoff.fail('a', 1)
    assert.equal(backoff.reportOnce('a'), true)
  })

  test('keeps no more than it may: the longest quiet goes first', () => {
    const backoff = new Backoff(limits)
    for (const key of ['a', 'b', 'c', 'a', 'd']) for (let i = 0; i < 5; i++) backoff.fail(key, 0)
    assert.equal(backoff.size, 3)
    assert.equal(backoff.waitMs('b', 0), 0)
    assert.ok(backoff.waitMs('a', 0) > 0)
  })
})

const at = (address: string, device?: string) => ({ address, device })

describe('the login guard', () => {
  test('knows no more pairs of account and address than it may: the longest unused goes first', () => {
    const guard = new LoginGuard({ ...DEFAULT_GUARD_LIMITS, maxKnown: 3 })
    for (let i = 0; i < 100; i++) {
      const attempt = guard.begin(`user${i}`, at(`198.51.100.${i}`), i)
      if (attempt.ok) attempt.succeeded()
    }
    const known = Array.from({ length: 100 }, (_, i) => guard.isKnown(`user${i}`, at(`198.51.100.${i}`), 100))
    assert.deepEqual([known.filter(Boolean).length, known.lastIndexOf(true)], [3, 99])
  })

  const HOME = '203.0.113.7'
  const fail = (guard: LoginGuard, account: string, address: string, times: number, nowMs = 0) =>
    Array.from({ length: times }, () => guard.begin(account, at(address), nowMs).ok)

  test('lets five wrong passwords pass, then asks to wait', () => {
    const guard = new LoginGuard()
    assert.deepEqual(fail(guard, 'ann', HOME, 6), [true, true, true, true, true, false])
    const buffered = guard.begin('ann', at(HOME), 400)
    assert.deepEqual(buffered, { ok: false, retryAfterMs: 600, report: false })
    assert.equal(guard.begin('ann', at(HOME), SECOND).ok, true)
    assert.equal(guard.begin('ann', at(HOME), 2 * SECOND).ok, false)
  })

  test('counts tries when they begin: a thousand at once are five', () => {
    const passed = fail(new LoginGuard(), 'ann', HOME, 1_000).filter(ok => ok).length
    assert.equal(passed, 5)
  })

  test('forgets the failures of who gets it right', () => {
    const guard = new LoginGuard()
    fail(guard, 'ann', HOME, 4)
    ;(guard.begin('ann', at(HOME), 0) as Attempt).succeeded()
    assert.deepEqual(fail(guard, 'ann', HOME, 6), [true, true, true, true, true, false])
  })

  test('does not count what could not be checked', () => {
    const guard = new LoginGuard()
    for (let i = 0; i < 100; i++) (guard.begin('ann', at(HOME), 0) as Attempt).abandoned()
    assert.equal(guard.begin('ann', at(HOME), 0).ok, true)
  })

  test('slows down one address that tries many accounts', () => {
    const guard = new LoginGuard()
    const passed = Array.from({ length: 100 }, (_, i) => guard.begin(`account${i}`, at(HOME), 0).ok).filter(
      ok => ok,
    )
    assert.equal(passed.length, 30)
    assert.equal(guard.begin('ann', at('198.51.100.1'), 0).ok, true)
  })

  test('slows down one account that is tried from many addresses, for a minute at the most', () => {
    const guard = new LoginGuard()
    const tries = Array.from(
      { length: 100 },
      (_, i) => guard.begin('ann', at(`198.51.100.${i}`), i * 1_000).ok,
    )
    assert.ok(tries.filter(ok => ok).length < 20)
    let nowMs = 100 * SECOND
    for (let i = 0; i < 50; i++) {
      nowMs += MINUTE
      guard.begin('ann', at(`192.0.2.${i}`), nowMs)
    }
    const buffered = guard.begin('ann', at(HOME), nowMs)
    assert.equal(!buffered.ok && buffered.retryAfterMs, MINUTE)
  })

  test('does not hold up owners where they have logged in before', () => {
    const guard = new LoginGuard()
    ;(guard.begin('ann', at(HOME), 0) as Attempt).succeeded()
    for (let i = 0; i < 100; i++) guard.begin('ann', at(`198.51.100.${i}`), 0)
    for (let i = 0; i < 100; i++) guard.begin(`account${i}`, at(HOME), 0)
    assert.equal(guard.begin('ann', at('198.51.100.200'), 0).ok, false)
    assert.deepEqual(fail(guard, 'ann', HOME, 6), [true, true, true, true, true, false])
  })

  test('does not let the owner of one account buy tries at others', () => {
    const guard = new LoginGuard()
    let passed = 0
    for (let i = 0; i < 100; i++) {
      const own = guard.begin('mine', at(HOME), 0)
      if (own.ok) own.succeeded()
      if (guard.begin(`account${i}`, at(HOME), 0).ok) passed++
    }
    assert.ok(passed <= 30)
  })

  test('lets the other accounts of an address log in when one account has failed there a hundred times', () => {
    const guard = new LoginGuard()
    for (let second = 0; second < 2_000; second++) guard.begin('mallory', at(HOME), second * SECOND)
    for (let i = 0; i < 20; i++) assert.equal(guard.begin(`colleague${i}`, at(HOME), 2_000 * SECOND).ok, true)
  })

  test('lets an owner in from a known device while strangers guess at the account from the same address', () => {
    const guard = new LoginGuard()
    for (let i = 0; i < 100; i++) guard.begin('ann', at(HOME), 0)
    for (let i = 0; i < 100; i++) guard.begin(`account${i}`, at(HOME), 0)
    assert.equal(guard.begin('ann', at(HOME), 0).ok, false)
    const own = guard.begin('ann', at(HOME, 'laptop'), 0)
    assert.equal(own.ok && own.isKnown, true)
  })

  test('holds a known device to its own failures', () => {
    const guard = new LoginGuard()
    const passed = Array.from({ length: 100 }, () => guard.begin('ann', at(HOME, 'stolen'), 0).ok)
    assert.equal(passed.filter(ok => ok).length, 5)
    assert.equal(guard.begin('ann', at(HOME, 'laptop'), 0).ok, true)
    assert.equal(guard.begin('ann', at(HOME), 0).ok, true)
  })

  test('takes back what one account added to an address once, however many logins of it succeed at a time', () => {
    const guard = new LoginGuard()
    let passed = 0
    for (let i = 0; i < 100; i++) {
      const own = Array.from({ length: 4 }, () => guard.begin('mine', at(HOME), 0))
      if (guard.begin(`account${i}`, at(HOME), 0).ok) passed++
      for (const each of own) if (each.ok) each.succeeded()
    }
    assert.ok(passed <= 30, `${passed}`)
  })

  test('tells the log of a wait once', () => {
    const guard = new LoginGuard()
    fail(guard, 'ann', HOME, 5)
    const reported = Array.from({ length: 50 }, () => guard.begin('ann', at(HOME), 0)).filter(
      buffered => !buffered.ok && buffered.report,
    )
    assert.equal(reported.length, 1)
  })
})

describe('a device cookie', () => {
  const DAY = 86_400_000
  const bytes = (size: number) => Uint8Array.from({ length: size }, (_, i) => i * 7)
  const made = (secret: string, nowMs = 0) => deviceCookies([secret], bytes, () => nowMs)

  test('is of the account that it was issued to, while its secret is known and it is not too old', () => {
    const cookie = made('a').issue('ann@example.com')
    assert.match(made('a').deviceOf(cookie, 'ann@example.com') ?? '', /^[0-9A-Za-z]{16}$/)
    assert.equal(made('a').deviceOf(cookie, 'bob@example.com'), undefined)
    assert.equal(made('b').deviceOf(cookie, 'ann@example.com'), undefined)
    const rotated = deviceCookies(['b', 'a'], bytes, () => 179 * DAY)
    assert.notEqual(rotated.deviceOf(cookie, 'ann@example.com'), undefined)
    assert.equal(made('a', 181 * DAY).deviceOf(cookie, 'ann@example.com'), undefined)
  })

  test('is none when anything in it was changed', () => {
    const cookie = made('a').issue('ann@example.com')
    const [device = '', issued = '', mac = ''] = cookie.split('.')
    const forged = [
      `X${device.slice(1)}.${issued}.${mac}`,
      `${device}.zzzz.${mac}`,
      `${device}.${issued}.${mac.slice(1)}A`,
      `${cookie}.`,
      cookie.repeat(10),
      '',
    ]
    for (const each of [...forged, undefined])
      assert.equal(made('a').deviceOf(each, 'ann@example.com'), undefined, each)
  })
})

describe('addresses that count as one', () => {
  test('an IPv4 address, in whatever clothes', () => {
    assert.equal(addressGroup('203.0.113.7'), '203.0.113.7')
    assert.equal(addressGroup('::ffff:203.0.113.7'), '203.0.113.7')
    assert.equal(addressGroup('::FFFF:203.0.113.7'), '203.0.113.7')
  })

  test('an IPv6 network of 64 bits', () => {
    const group = '2001:db8:1:2::/64'
    for (const address of [
      '2001:db8:1:2:3:4:5:6',
      '2001:0db8:0001:0002::9',
      '2001:DB8:1:2:ffff::%eth0',
      '2001:db8:1:2::',
    ]) {
      assert.equal(addressGroup(address), group, address)
    }
    assert.notEqual(addressGroup('2001:db8:1:3::1'), group)
    assert.equal(addressGroup('::1'), '0:0:0:0::/64')
    assert.equal(addressGroup('2001:db8::1'), '2001:db8:0:0::/64')
  })
})

describe('an e-mail address', () => {
  test('has one form', () => {
    assert.equal(normaliseEmail('  Ann.Lee+x@Example.COM '), 'ann.lee+x@example.com')
    assert.equal(normaliseEmail('ops@localhost'), 'ops@localhost')
  })

  test('is none that browsers would refuse', () => {
    const wrong = [
      '',
      'ann',
      '@x.org',
      'ann@',
      'a b@x.org',
      'ann@-x.org',
      'ann@x..org',
      'ann@x.org\r\nbcc: y',
      'ann@@x.org',
    ]
    const long = [
      `${'a'.repeat(65)}@x.org`,
      `a@${'b.'.repeat(130)}org`,
      'ann@x.org'.repeat(1_000_000),
      'änn@x.org',
    ]
    for (const text of [...wrong, ...long]) assert.equal(normaliseEmail(text), undefined, text.slice(0, 40))
  })
})
