import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { eventMaker, type FluxgateEvent } from '@fluxgate/contracts'
import { type Database, migrateToLatest, openDatabase, setDisabled } from '@fluxgate/read-model'
import { createDatabase, type PostgresServer, startPostgres } from '@fluxgate/testing'
import { monotonicFactory } from 'ulid'
import { AccountsUnavailable } from '../http/api-error.ts'
import { issueKey } from './account-keys.ts'
import { openAccounts } from './accounts.pg.ts'
import type { Accounts, AccountTools } from './accounts.ts'
import { administer } from './admin-accounts.ts'
import { createEstimator } from './estimate-strength.ts'
import { ensureFirstOperator } from './first-operator.ts'
import { createPasswords } from './password-hashes.worker.ts'
import { KNOWN } from './passwords.ts'

const NOW = Date.UTC(2026, 10, 23, 12)
const PASSWORD = 'plum wagon seldom quiet'

let postgres: PostgresServer
let db: Database
let accounts: Accounts
let tools: AccountTools
let events: FluxgateEvent[]
before(async () => {
  postgres = await startPostgres()
  db = openDatabase(await createDatabase(postgres), { connectTimeoutMs: 500 })
  await migrateToLatest(db)
  accounts = openAccounts(db)
  events = []
  const make = eventMaker('/gateway/test/boot', monotonicFactory(), Date.now)
  tools = {
    accounts,
    make,
    append: ({ event }) => events.push(event),
    random: randomBytes,
    epochMs: () => NOW,
  }
})
after(async () => {
  await db.destroy()
  await postgres[Symbol.asyncDispose]()
})

const factsAbout = (user: string) =>
  events
    .filter(event => (event.data as { user: string }).user === user)
    .map(({ type, data }) => [type.slice('fluxgate.auth.'.length), (data as { actor?: string }).actor])

const newUser = (id: string, email?: string) =>
  accounts.createUser({ id, createdAt: NOW, ...(email === undefined ? {} : { email }) })

describe('accounts in Postgres', () => {
  test('change a password over the one that was there, and over no other', async () => {
    await newUser('ann', 'ann@example.com')
    assert.equal(await accounts.changePassword('ann', null, 'one'), true)
    assert.equal(await accounts.changePassword('ann', null, 'two'), false)
    assert.equal(await accounts.changePassword('ann', 'zero', 'two'), false)
    assert.equal(await accounts.changePassword('ann', 'one', 'two'), true)
    assert.equal((await accounts.findUserById('ann'))?.passwordHash, 'two')
  })

  test('let a session live until it ends, expires, or its user is disabled', async () => {
    await newUser('bob')
    const session = { userId: 'bob', createdAt: NOW, expiresAt: NOW + 1_000, address: '::1', agent: 'test' }
    for (const id of ['s1', 's2']) await accounts.createSession({ ...session, id })
    const live = await accounts.findLiveSession('s1', NOW + 999)
    assert.deepEqual([live?.userId, live?.role, live?.tier], ['bob', 'developer', 'free'])
    assert.equal(await accounts.findLiveSession('s1', NOW + 1_000), undefined)
    assert.equal(await accounts.endSession('somebody', 's1', NOW), false)
    assert.equal(await accounts.endSession('bob', 's1', NOW), true)
    assert.equal(await accounts.endSession('bob', 's1', NOW), false)
    assert.equal(await accounts.findLiveSession('s1', NOW), undefined)
    assert.ok(await accounts.findLiveSession('s2', NOW))
    await setDisabled(db, 'bob', NOW)
    assert.equal(await accounts.findLiveSession('s2', NOW), undefined)
    assert.equal(await accounts.findLiveSession('none', NOW), undefined)
  })

  test('say that they are away, of whatever kind the error is', async () => {
    await postgres.stop()
    await assert.rejects(accounts.findUserById('ann'), AccountsUnavailable)
    await assert.rejects(accounts.createUser({ id: 'x', createdAt: NOW }), AccountsUnavailable)
    await postgres.start()
    await assert.rejects(accounts.createSession(null as never), TypeError)
  })
})

describe('an administrator', () => {
  const admin = () => administer({ ...tools, readLimits: async () => ({ tiers: {}, identities: {} }) })

  test('makes a user with its first key, and gives an old one another tier', async () => {
    const first = await admin().generateKey('carol', { tier: undefined, name: 'one' })
    assert.ok(first.ok)
    assert.deepEqual([first.value.userId, first.value.tier], ['carol', 'free'])
    const second = await admin().generateKey('carol', { tier: 'pro', name: 'two' })
    assert.ok(second.ok && second.value.tier === 'pro')
    assert.deepEqual(factsAbout('carol'), [
      ['registered', 'admin'],
      ['key_created', 'admin'],
      ['tier_changed', 'admin'],
      ['key_created', 'admin'],
    ])
    assert.equal((await admin().generateKey('anonymous', { tier: undefined, name: '' })).ok, false)
    await setDisabled(db, 'carol', NOW)
    const disabled = await admin().generateKey('carol', { tier: undefined, name: '' })
    assert.ok(!disabled.ok && disabled.fault.code === 'conflict')
  })

  test('sees users and keys, but no address, password or hash', async () => {
    await newUser('dora', 'dora@example.com')
    await accounts.changePassword('dora', null, '$argon2id$secret')
    const made = await admin().generateKey('dora', { tier: undefined, name: 'ci' })
    assert.ok(made.ok)
    const seen = JSON.stringify([await admin().listUsers(), await admin().listKeys('dora')])
    for (const secret of ['dora@example.com', 'argon2', made.value.key])
      assert.ok(!seen.includes(secret), secret)
    assert.ok(seen.includes(made.value.id))
  })

  test('names an identity by its text, a key, a key id, or the user of live keys', async () => {
    const made = await admin().generateKey('erin', { tier: undefined, name: '' })
    assert.ok(made.ok)
    const { key, id } = made.value
    const identity = { user: 'erin', key: id }
    for (const text of [`erin.${id}`, key, id, 'erin'])
      assert.deepEqual(await admin().resolve(text), [identity], text)
    const other = await admin().generateKey('erin', { tier: undefined, name: '' })
    assert.equal((await admin().resolve('erin')).length, 2)
    assert.deepEqual(await admin().revokeKey(id, 'test'), identity)
    assert.equal(await admin().revokeKey(id, 'test'), undefined)
    assert.equal(await admin().revokeKey('no-such-key', 'test'), undefined)
    assert.deepEqual(await admin().resolve('erin'), [{ user: 'erin', key: other.ok && other.value.id }])
    assert.deepEqual(await admin().resolve('nobody'), [])
    assert.deepEqual(await admin().resolve('\u0000'), [])
    assert.equal(await admin().revokeKey('\u0000', 'test'), undefined)
    const mistyped = `${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`
    assert.deepEqual(await admin().resolve(mistyped), [])
  })
})

const estimate = createEstimator()
const strength = { estimate: async (...given: Parameters<typeof estimate>) => estimate(...given) }

describe('the first operator', () => {
  test('is made once, and keeps the password that he has', async () => {
    const all = { ...tools, passwords: await createPasswords({ memoryKib: 1_024 }), strength }
    const operator = await ensureFirstOperator(all, { email: 'Ops@Example.com', password: PASSWORD })
    assert.deepEqual([operator.role, operator.tier, operator.email], ['operator', 'pro', 'ops@example.com'])
    assert.deepEqual(factsAbout(operator.id), [['registered', 'system']])
    const again = await ensureFirstOperator(all, {
      email: 'ops@example.com',
      password: 'another password 17',
    })
    assert.equal(again.passwordHash, operator.passwordHash)
    assert.equal(factsAbout(operator.id).length, 1)
  })

  test('is made by one of two nodes that start at once', async () => {
    const all = { ...tools, passwords: await createPasswords({ memoryKib: 1_024 }), strength }
    const both = await Promise.all(
      [1, 2].map(() => ensureFirstOperator(all, { email: 'two@example.com', password: PASSWORD })),
    )
    assert.equal(both[0]?.id, both[1]?.id)
    assert.equal(factsAbout(both[0]?.id ?? '').length, 1)
  })

  test('takes over what a stranger registered under his address: password, sessions and keys', async () => {
    const passwords = await createPasswords({ memoryKib: 1_024 })
    await newUser('eve', 'boss@example.com')
    await accounts.changePassword('eve', null, 'the hash of a stranger’s password')
    const session = { userId: 'eve', createdAt: NOW, expiresAt: NOW + 1_000, address: '::1', agent: '' }
    await accounts.createSession({ ...session, id: 'eves-session' })
    await issueKey(tools, { userId: 'eve', name: '', actor: 'self' })
    await ensureFirstOperator(
      { ...tools, passwords, strength },
      { email: 'boss@example.com', password: PASSWORD },
    )
    const boss = await accounts.findUserById('eve')
    assert.equal(boss?.role, 'operator')
    assert.equal(await passwords.verify(boss?.passwordHash ?? undefined, PASSWORD, KNOWN), 'right')
    assert.equal(await accounts.findLiveSession('eves-session', NOW), undefined)
    assert.ok((await accounts.listKeys('eve')).every(key => key.revokedAt !== null))
    assert.deepEqual(factsAbout('eve').slice(1), [
      ['logged_out', undefined],
      ['key_revoked', 'system'],
    ])
  })

  test('has no password that everybody has', async () => {
    const all = { ...tools, passwords: await createPasswords({ memoryKib: 1_024 }), strength }
    await assert.rejects(
      ensureFirstOperator(all, { email: 'x@example.com', password: 'Password2026' }),
      /OPERATOR_PASSWORD/,
    )
    await assert.rejects(ensureFirstOperator(all, { email: 'nothing', password: PASSWORD }), /OPERATOR_EMAIL/)
  })
})
