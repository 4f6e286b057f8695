import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hash } from 'argon2'
import { createPasswords, DEFAULT_PASSWORD_SETTINGS } from './passwords.ts'
import { Turns } from './turns.ts'

const CHEAP = { memoryKib: 1_024, passes: 2, lanes: 1 }

describe('passwords', () => {
  test('are hashed with Argon2id by the numbers of OWASP', async () => {
    const passwords = await createPasswords()
    const hashed = await passwords.hash('plum wagon')
    assert.match(hashed.ok ? hashed.hash : '', /^\$argon2id\$v=19\$m=19456,(t=2,p=1|p=1,t=2)\$/)
    assert.deepEqual(DEFAULT_PASSWORD_SETTINGS, {
      memoryKib: 19_456,
      passes: 2,
      lanes: 1,
      maxAtOnce: 2,
      maxWaiting: 32,
    })
  })

  test('are right, wrong, or right by a hash of yesterday', async () => {
    const passwords = await createPasswords(CHEAP)
    const hashed = await passwords.hash('plum wagon')
    assert.ok(hashed.ok)
    assert.equal(await passwords.verify(hashed.hash, 'plum wagon'), 'right')
    assert.equal(await passwords.verify(hashed.hash, 'plum wagon '), 'wrong')
    assert.equal(await passwords.verify(undefined, 'plum wagon'), 'wrong')
    const stronger = await createPasswords({ ...CHEAP, memoryKib: 2_048 })
    assert.equal(await stronger.verify(hashed.hash, 'plum wagon'), 'outdated')
    assert.equal(await stronger.verify(hashed.hash, 'wrong'), 'wrong')
    const another = await hash('plum wagon', { memoryCost: 1_024, timeCost: 3, parallelism: 1 })
    assert.equal(await passwords.verify(another, 'plum wagon'), 'outdated')
  })

  test('each have a salt of their own, and count every character', async () => {
    const passwords = await createPasswords(CHEAP)
    const [one, two] = [await passwords.hash('Ä😀 x'), await passwords.hash('Ä😀 x')]
    assert.ok(one.ok && two.ok && one.hash !== two.hash)
    const long = 'x'.repeat(1_023)
    const hashed = await passwords.hash(`${long}a`)
    assert.equal(await passwords.verify(hashed.ok ? hashed.hash : '', `${long}b`), 'wrong')
  })

  test('are not taken when too many wait', async () => {
    const passwords = await createPasswords({ ...CHEAP, maxAtOnce: 2, maxWaiting: 3 })
    const all = await Promise.all(Array.from({ length: 10 }, () => passwords.hash('plum wagon')))
    assert.equal(all.filter(hashed => !hashed.ok).length, 5)
    assert.equal((await passwords.hash('plum wagon')).ok, true)
  })
})

describe('turns', () => {
  test('let no more run than they may, in the order of coming, past failures', async () => {
    const turns = new Turns(2, 10)
    let running = 0
    let most = 0
    const order: number[] = []
    const work = (number: number) => async () => {
      most = Math.max(most, ++running)
      order.push(number)
      await new Promise(setImmediate)
      running--
      if (number % 3 === 0) throw new Error('failed')
      return number
    }
    const all = await Promise.allSettled(Array.from({ length: 12 }, (_, i) => turns.take(work(i))))
    assert.equal(most, 2)
    assert.deepEqual(
      order,
      Array.from({ length: 12 }, (_, i) => i),
    )
    assert.equal(all.filter(each => each.status === 'rejected').length, 4)
    assert.equal(await turns.take(async () => 'again'), 'again')
  })
})
