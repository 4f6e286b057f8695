import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hash } from 'argon2'
import { Turns } from './hash-turns.ts'
import { createPasswords, DEFAULT_PASSWORD_SETTINGS } from './password-hashes.worker.ts'
import { KNOWN } from './passwords.ts'

const CHEAP = { memoryKib: 1_024, passes: 2, lanes: 1 }

describe('passwords', () => {
  test('are hashed with Argon2id by the numbers of OWASP', async () => {
    const passwords = await createPasswords()
    const hashed = await passwords.hash('plum wagon', KNOWN)
    assert.match(hashed.ok ? hashed.hash : '', /^\$argon2id\$v=19\$m=19456,(t=2,p=1|p=1,t=2)\$/)
    assert.deepEqual(DEFAULT_PASSWORD_SETTINGS, {
      memoryKib: 19_456,
      passes: 2,
      lanes: 1,
      maxAtOnce: 2,
      maxStrangersAtOnce: 1,
      maxWaiting: 64,
      maxStrangersWaiting: 128,
      maxWaitingPerAddress: 8,
    })
  })

  test('are right, wrong, or right by a hash of yesterday', async () => {
    const passwords = await createPasswords(CHEAP)
    const hashed = await passwords.hash('plum wagon', KNOWN)
    assert.ok(hashed.ok)
    assert.equal(await passwords.verify(hashed.hash, 'plum wagon', KNOWN), 'right')
    assert.equal(await passwords.verify(hashed.hash, 'plum wagon ', KNOWN), 'wrong')
    assert.equal(await passwords.verify(undefined, 'plum wagon', KNOWN), 'wrong')
    const stronger = await createPasswords({ ...CHEAP, memoryKib: 2_048 })
    assert.equal(await stronger.verify(hashed.hash, 'plum wagon', KNOWN), 'outdated')
    assert.equal(await stronger.verify(hashed.hash, 'wrong', KNOWN), 'wrong')
    const another = await hash('plum wagon', { memoryCost: 1_024, timeCost: 3, parallelism: 1 })
    assert.equal(await passwords.verify(another, 'plum wagon', KNOWN), 'outdated')
  })

  test('each have a salt of their own, and count every character', async () => {
    const passwords = await createPasswords(CHEAP)
    const [one, two] = [await passwords.hash('Ä😀 x', KNOWN), await passwords.hash('Ä😀 x', KNOWN)]
    assert.ok(one.ok && two.ok && one.hash !== two.hash)
    const long = 'x'.repeat(1_023)
    const hashed = await passwords.hash(`${long}a`, KNOWN)
    assert.equal(await passwords.verify(hashed.ok ? hashed.hash : '', `${long}b`, KNOWN), 'wrong')
  })

  test('are not taken when too many wait', async () => {
    const passwords = await createPasswords({ ...CHEAP, maxAtOnce: 2, maxWaiting: 3 })
    const all = await Promise.all(Array.from({ length: 10 }, () => passwords.hash('plum wagon', KNOWN)))
    assert.equal(all.filter(hashed => !hashed.ok).length, 5)
    assert.equal((await passwords.hash('plum wagon', KNOWN)).ok, true)
  })
})

const LIMITS = {
  maxRunning: 2,
  maxStrangers: 1,
  maxWaitingKnown: 4,
  maxWaitingStrangers: 3,
  maxWaitingPerSource: 2,
}

/** Work that ends when it is told to. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { work: () => promise, open: () => resolve() }
}

describe('turns', () => {
  test('leave a slot and a line to the known when strangers take all that they may', async () => {
    const turns = new Turns(LIMITS)
    const { work, open } = gate()
    const strangers = Array.from({ length: 50 }, (_, i) => turns.take('stranger', `${i}`, work))
    const refused = await Promise.race([strangers[49], 'waits'])
    assert.equal(refused, 'busy')
    assert.equal(await turns.take('known', '', async () => 'at once'), 'at once')
    open()
    const answers = await Promise.all(strangers)
    assert.equal(answers.filter(answer => answer === 'busy').length, 46)
  })

  test('let the known go first when a slot is free', async () => {
    const turns = new Turns({ ...LIMITS, maxRunning: 1 })
    const { work, open } = gate()
    const order: string[] = []
    const first = turns.take('stranger', 'a', work)
    const stranger = turns.take('stranger', 'b', async () => order.push('stranger'))
    const known = turns.take('known', '', async () => order.push('known'))
    open()
    await Promise.all([first, stranger, known])
    assert.deepEqual(order, ['known', 'stranger'])
  })

  test('let one source wait with no more than its share of the line', async () => {
    const turns = new Turns(LIMITS)
    const { work, open } = gate()
    const crowd = Array.from({ length: 5 }, () => turns.take('stranger', 'one address', work))
    const other = turns.take('stranger', 'another', async () => 'served')
    open()
    assert.deepEqual((await Promise.all(crowd)).filter(answer => answer === 'busy').length, 2)
    assert.equal(await other, 'served')
    // Who has left the line may wait again.
    assert.equal(await turns.take('stranger', 'one address', async () => 'served'), 'served')
  })

  test('let no more run than they may, in the order of coming, past failures', async () => {
    const turns = new Turns({ ...LIMITS, maxWaitingKnown: 10 })
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
    const all = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => turns.take('known', '', work(i))),
    )
    assert.equal(most, 2)
    assert.deepEqual(
      order,
      Array.from({ length: 12 }, (_, i) => i),
    )
    assert.equal(all.filter(each => each.status === 'rejected').length, 4)
    assert.equal(await turns.take('known', '', async () => 'again'), 'again')
  })
})
