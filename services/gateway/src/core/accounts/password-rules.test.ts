import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCommonPassword } from './common-passwords.ts'
import { checkNewPassword, isHashable } from './password-rules.ts'

const EMAIL = 'ada.lovelace@analytical.example'
const codeOf = (password: string) => {
  const checked = checkNewPassword(password, EMAIL)
  return checked.ok ? 'fine' : checked.fault.code
}

describe('a new password', () => {
  test('has at least twelve characters, counted as people count', () => {
    assert.equal(codeOf('k8#vTq2!xZp'), 'weak_password')
    assert.equal(codeOf('k8#vTq2!xZpw'), 'fine')
    assert.equal(codeOf('😀🐙🎈🌵🍕🚲🎻🧊🪁🦊🍇'), 'weak_password')
    assert.equal(codeOf('😀🐙🎈🌵🍕🚲🎻🧊🪁🦊🍇🥁'), 'fine')
  })

  test('has at most 1024 bytes, and is text', () => {
    const long = Array.from({ length: 40 }, (_, i) => `wombat${i * 7919}`).join('')
    assert.equal(codeOf(long.slice(0, 64)), 'fine')
    assert.equal(codeOf(long.repeat(4).slice(0, 1_024)), 'fine')
    assert.equal(codeOf(long.repeat(4).slice(0, 1_025)), 'weak_password')
    assert.equal(codeOf('\ud800 lone surrogate'), 'weak_password')
    assert.equal(isHashable(''), false)
  })

  test('needs no kinds of characters', () => {
    for (const password of [
      'plumwagonseldomquiet',
      'zwei Pfannen Grünkohl',
      '大きな古時計と小さな犬の物語',
      '90417726355182',
    ]) {
      assert.equal(codeOf(password), 'fine', password)
    }
  })

  test('is none that everybody has', () => {
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
      'plum-wagon plum-wagon plum-wagon ',
      'hello world 123',
      '123qweasdzxc',
    ]
    for (const password of common) assert.equal(codeOf(password), 'weak_password', password)
  })

  test('is not the address that it belongs to', () => {
    for (const password of [
      'ada.lovelace@analytical.example',
      'Lovelace1234',
      'analytical2026',
      'lovelace-password-1',
    ]) {
      assert.equal(codeOf(password), 'weak_password', password)
    }
  })

  test('may hold a common word among others', () => {
    for (const password of [
      'password of the wombat',
      'qwerty plum wagon',
      'lucky-90417726355182',
      'my dragon eats gneiss',
      'desert tray dares',
    ]) {
      assert.equal(codeOf(password), 'fine', password)
    }
  })

  test('is checked in no time, however it is made', () => {
    const nasty = [
      'a'.repeat(1_023).concat('b'),
      'iloveyou'.repeat(128),
      'aaaab'.repeat(204),
      'qwe asd '.repeat(128),
    ]
    const started = performance.now()
    for (const password of nasty) isCommonPassword(password, ['aaaa', 'aaaaa'])
    const long = 'x'.repeat(60).concat('-y7')
    for (let i = 0; i < 100; i++) isCommonPassword('loveloveloveq'.repeat(4), [long])
    assert.ok(performance.now() - started < 200)
  })
})
