import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { LoginGuard } from '../accounts/login-guard.ts'
import { createPasswords } from '../accounts/password-hashes.worker.ts'
import { Browser, person, startPortal, type TestPortal } from './test-browser.ts'

let portal: TestPortal
before(async () => {
  portal = await startPortal()
})
after(() => portal[Symbol.asyncDispose]())

describe('an owner', () => {
  const OFFICE = '198.51.100.9'
  /** A browser behind the office's one address. */
  const atOffice = (app: FastifyInstance) => new Browser(app, {}, OFFICE)

  test('logs in from a known device when others of the address have used up its tries', async () => {
    const app = await portal.portal({ guard: new LoginGuard() })
    const { email } = await person(portal)
    const laptop = atOffice(app)
    assert.equal((await laptop.logIn(email)).statusCode, 200)
    assert.ok(laptop.device)
    for (let i = 0; i < 21; i++) await atOffice(app).logIn(email, 'not the password')
    assert.equal((await atOffice(app).logIn(email)).statusCode, 429)
    assert.equal((await laptop.logIn(email)).statusCode, 200)
  })

  test('logs in from a known device while the guard bars the address', async () => {
    const app = await portal.portal({ guard: new LoginGuard(), blockedForMs: () => 599_000 })
    const { browser, email } = await person(portal)
    const laptop = atOffice(app)
    const refused = await laptop.logIn(email)
    assert.deepEqual([refused.statusCode, refused.headers['retry-after']], [429, '599'])
    laptop.device = browser.device
    assert.equal((await laptop.logIn(email)).statusCode, 200)
    // The cookie of one account says nothing about another.
    const other = await person(portal)
    assert.equal((await laptop.logIn(other.email)).statusCode, 429)
  })

  test('logs in for the first time from an address where another account has failed often', async () => {
    const app = await portal.portal({ guard: new LoginGuard() })
    const [one, other] = [await person(portal), await person(portal)]
    for (let i = 0; i < 50; i++) await atOffice(app).logIn(one.email, 'not the password')
    assert.equal((await atOffice(app).logIn(other.email)).statusCode, 200)
  })

  test('logs in while strangers of 300 networks take every slot that strangers have', async () => {
    const app = await portal.portal({
      guard: new LoginGuard(),
      passwords: await createPasswords({ memoryKib: 1_024 }),
    })
    const { browser, email } = await person(portal)
    const laptop = new Browser(app)
    laptop.device = browser.device
    const strangers = Array.from({ length: 300 }, (_, i) =>
      new Browser(app, {}, `2001:db8:0:${i.toString(16)}::1`).logIn(`nobody${i}@example.com`),
    )
    const owner = await laptop.logIn(email)
    assert.equal(owner.statusCode, 200)
    const answers = await Promise.all(strangers)
    const busy = answers.filter(answer => answer.statusCode === 503)
    assert.equal(answers.filter(answer => answer.statusCode === 401).length, 300 - busy.length)
    assert.ok(busy.length > 0 && busy.every(answer => answer.headers['retry-after'] === '1'))
  })
})
