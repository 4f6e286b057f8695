import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createEstimator } from './estimate-strength.ts'
import { checkNewPassword, isHashable } from './password-rules.ts'

const EMAIL = 'ada.lovelace@analytical.example'
const estimate = createEstimator()
const strength = { estimate: async (...given: Parameters<typeof estimate>) => estimate(...given) }
const check = (password: string) => checkNewPassword(strength, password, EMAIL)
const codeOf = async (password: string) => {
  const checked = await check(password)
  return checked.ok ? 'fine' : checked.fault.code
}

describe('a new password', () => {
  test('has at least twelve characters, counted as people count', async () => {
    assert.equal(await codeOf('k8#vTq2!xZp'), 'weak_password')
    assert.equal(await codeOf('k8#vTq2!xZpw'), 'fine')
    assert.equal(await codeOf('😀🐙🎈🌵🍕🚲🎻🧊🪁🦊🍇'), 'weak_password')
    assert.equal(await codeOf('😀🐙🎈🌵🍕🚲🎻🧊🪁🦊🍇🥁'), 'fine')
  })

  test('has at most 1024 bytes, and is text', async () => {
    const long = Array.from({ length: 40 }, (_, i) => `wombat${i * 7919}`).join('')
    assert.equal(await codeOf(long.slice(0, 64)), 'fine')
    assert.equal(await codeOf(long.repeat(4).slice(0, 1_024)), 'fine')
    assert.equal(await codeOf(long.repeat(4).slice(0, 1_025)), 'weak_password')
    assert.equal(await codeOf('\ud800 lone surrogate'), 'weak_password')
    assert.equal(isHashable(''), false)
  })

  test('needs no kinds of characters', async () => {
    for (const password of [
      'plumwagonseldomquiet',
      'zwei Pfannen Grünkohl',
      '大きな古時計と小さな犬の物語',
      '90417726355182',
    ]) {
      assert.equal(await codeOf(password), 'fine', password)
    }
  })

  test('is none that everybody has', async () => {
    const common = [
      'password1234',
      'Password2026',
      'P@ssw0rd1234',
      'p4$$w0rd!!!!',
      'passwordpassword',
      'mypassword123',
      'Passw0rd.2026',
      '123456789012',
      '1234567890123',
      '987654321098',
      '111111111111',
      '121212121212',
      'abcabcabcabc',
      'abcdefghijkl',
      'qwertyuiop123',
      'qwertyuiopasdfghjkl',
      '1qaz2wsx3edc',
      '1q2w3e4r5t6y',
      'zaq12wsxcde34rfv',
      'qwerty123456',
      'QwErTy!@#$%^',
      'iloveyou1234',
      'letmeinletmein',
      'welcome12345',
      'Welcome2026!!',
      'adminadmin12',
      'administrator',
      'changeme1234',
      'correcthorsebatterystaple',
      'correct horse battery staple',
      'Summer2026!!!',
      'november2026!',
      'football1234',
      'superman1234',
      'trustno1trustno1',
      'thisismypassword',
      'fluxgate1234',
      'FluxgateAdmin1',
      'asdfasdfasdf',
      'passwordpassword'.repeat(8),
      'Qwerty123456789',
      '112233445566',
      '1234567890ab',
      'Monkey123456',
      'Dragon1234567',
      'a1b2c3d4e5f6',
      '1234qwerasdf',
      'iloveyou123456',
      'Password123!',
      'Admin@123456',
      'Aa123456789!',
      'princess1234',
      'qazwsxedcrfv',
      'abc123456789',
      'asdfghjkl123',
      '147258369147',
      '123qweasdzxc',
    ]
    for (const password of common) assert.equal(await codeOf(password), 'weak_password', password)
  })

  test('is not the address that it belongs to', async () => {
    for (const password of ['ada.lovelace@analytical.example', 'Lovelace1234', 'analytical2026']) {
      assert.equal(await codeOf(password), 'weak_password', password)
    }
  })

  test('may hold a common word among others', async () => {
    for (const password of [
      'password of the wombat',
      'qwerty plum wagon',
      'lucky-90417726355182',
      'my dragon eats gneiss',
      'desert tray dares',
    ]) {
      assert.equal(await codeOf(password), 'fine', password)
    }
  })

  test('is refused with what makes it easy to guess', async () => {
    const words: Array<[string, RegExp]> = [
      ['Qwerty123456789', /commonly used|keyboard|straight rows/i],
      ['112233445566', /commonly used|repeat|sequence|pattern/i],
      ['abcdefghijkl', /sequence|pattern|commonly used/i],
      ['Lovelace1234', /names|personal|commonly used|sequence|pattern/i],
    ]
    for (const [password, expected] of words) {
      const checked = await check(password)
      assert.ok(!checked.ok)
      assert.match(checked.fault.message, /^This password is too easy to guess\. .{15,}/)
      assert.match(checked.fault.message, expected, password)
    }
  })

  test('that is long is strong when its beginning or its end is', async () => {
    assert.equal(await codeOf(`${'a'.repeat(100)}plum wagon seldom quiet`), 'fine')
    assert.equal(await codeOf(`plum wagon seldom quiet${'a'.repeat(100)}`), 'fine')
    assert.equal(await codeOf('iloveyou'.repeat(100)), 'weak_password')
  })

  test('costs a bounded time, however it is made', () => {
    const nasty = [
      'a'.repeat(1_023).concat('b'),
      'iloveyou'.repeat(128),
      'aaaab'.repeat(204),
      'qwe asd '.repeat(128),
      '0o0O'.repeat(256),
      '@4a4a@a4'.repeat(128),
      '1.1.1'.repeat(204),
    ]
    const started = performance.now()
    for (const password of nasty) estimate(password, ['aaaa', 'aaaaa'])
    // Without its bounds on length and substitutions the first of them alone takes minutes.
    assert.ok(performance.now() - started < 10_000)
  })
})
