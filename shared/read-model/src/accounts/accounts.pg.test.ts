import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { createDatabase, type PostgresServer, startPostgres, testPostgres } from '@fluxgate/testing'
import {
  createKey,
  createSession,
  createUser,
  type Database,
  deleteOldSessions,
  endAllSessions,
  endSession,
  ensureOperator,
  findKeyByHash,
  findSession,
  findUserByEmail,
  findUserById,
  listKeys,
  listSessions,
  listUsers,
  migrateToLatest,
  openDatabase,
  revokeKey,
  SESSION_IDLE_MS,
  setDisabled,
  setTier,
  touchKeys,
  useSession,
} from '../index.ts'

const T = Date.UTC(2026, 10, 23, 5, 9, 0, 123)

for (const kind of [undefined, 'pglite'] as const) {
  describe(`accounts on ${kind ?? 'the best Postgres there is'}`, () => {
    let server: PostgresServer
    let db: Database
    before(async () => {
      server = await (kind ? startPostgres({ kind }) : testPostgres())
      db = openDatabase(await createDatabase(server))
      await migrateToLatest(db)
    })
    after(async () => {
      await db.destroy()
      await server[Symbol.asyncDispose]()
    })

    test('a user is found by id and by address in any case; both are unique', async () => {
      const creation = await createUser(db, {
        id: 'ann',
        email: 'Ann@Example.com',
        passwordHash: 'h',
        createdAt: T,
      })
      assert.ok(creation.ok)
      const ann = creation.user
      assert.deepEqual(ann, {
        id: 'ann',
        email: 'Ann@Example.com',
        passwordHash: 'h',
        role: 'developer',
        tier: 'free',
        createdAt: T,
        disabledAt: null,
      })
      assert.deepEqual(await findUserByEmail(db, 'aNN@example.COM'), ann)
      assert.deepEqual(await findUserById(db, 'ann'), ann)
      assert.equal(await findUserById(db, 'nobody'), undefined)
      const sameAddress = await createUser(db, { id: 'ann2', email: 'ann@example.com', createdAt: T })
      assert.deepEqual(sameAddress, { ok: false, reason: 'email_taken' })
      assert.deepEqual(await createUser(db, { id: 'ann', createdAt: T }), { ok: false, reason: 'id_taken' })
      await assert.rejects(createUser(db, { id: 'a.b', createdAt: T }), { code: '23514' })
    })

    test('users without an address do not conflict', async () => {
      for (const id of ['bot1', 'bot2']) assert.ok((await createUser(db, { id, createdAt: T + 1 })).ok)
      assert.deepEqual(
        (await listUsers(db, 2)).map(user => user.id),
        ['ann', 'bot1'],
      )
    })

    test('the operator is made once, and a developer with its address becomes one', async () => {
      const operator = { id: 'op', email: 'op@example.com', passwordHash: 'one', createdAt: T }
      const made = await Promise.all([1, 2, 3].map(n => ensureOperator(db, { ...operator, id: `op${n}` })))
      assert.equal(made.filter(result => result.created).length, 1)
      assert.equal(new Set(made.map(result => result.user.id)).size, 1)
      const again = await ensureOperator(db, { ...operator, passwordHash: 'two' })
      assert.equal(again.user.passwordHash, 'one')
      const promoted = await ensureOperator(db, { ...operator, email: 'ANN@example.com' })
      assert.deepEqual([promoted.created, promoted.user.id, promoted.user.role], [false, 'ann', 'operator'])
    })

    test('a tier change tells the tier before', async () => {
      assert.equal(await setTier(db, 'bot1', 'pro'), 'free')
      assert.equal(await setTier(db, 'bot1', 'free'), 'pro')
      assert.equal(await setTier(db, 'nobody', 'pro'), undefined)
    })

    test('a key is found by its hash with what decides about it', async () => {
      const hash = createHash('sha256').update('sk_live_1').digest()
      const key = {
        id: 'k1',
        userId: 'bot1',
        hash,
        prefix: 'sk_live_',
        last4: 'abcd',
        name: 'ci',
        createdAt: T,
      }
      const created = await createKey(db, { ...key, expiresAt: T + 1_000 })
      assert.equal(created?.expiresAt, T + 1_000)
      assert.equal(await createKey(db, { ...key, id: 'k2', userId: 'nobody' }), undefined)
      await assert.rejects(createKey(db, { ...key, id: 'k3' }), { code: '23505' })
      await assert.rejects(createKey(db, { ...key, id: 'k4', hash: Buffer.from('short') }), { code: '23514' })
      const found = { keyId: 'k1', userId: 'bot1', tier: 'free', role: 'developer', expiresAt: T + 1_000 }
      assert.deepEqual(await findKeyByHash(db, hash), { ...found, revokedAt: null, disabledAt: null })
      assert.equal(await findKeyByHash(db, Buffer.alloc(32)), undefined)

      await touchKeys(db, [])
      const uses = [T + 5, T + 9, T + 7].map(usedAt => ({ keyId: 'k1', usedAt }))
      await touchKeys(db, [...uses, { keyId: 'gone', usedAt: T }])
      await touchKeys(db, [{ keyId: 'k1', usedAt: T }])
      assert.equal((await listKeys(db, 'bot1'))[0]?.lastUsedAt, T + 9)

      assert.equal(await revokeKey(db, 'ann', 'k1', T), undefined)
      assert.equal((await revokeKey(db, 'bot1', 'k1', T + 20))?.changed, true)
      const again = await revokeKey(db, 'bot1', 'k1', T + 30)
      assert.deepEqual([again?.changed, again?.key.revokedAt], [false, T + 20])
      assert.equal(await setDisabled(db, 'bot1', T + 40), true)
      assert.deepEqual(await findKeyByHash(db, hash), { ...found, revokedAt: T + 20, disabledAt: T + 40 })
      assert.equal(await setDisabled(db, 'nobody', null), false)
    })

    test('a session lives while it is used, to its end; one that is not used ends after two hours', async () => {
      const hourMs = 3_600_000
      await createUser(db, { id: 'idler', createdAt: T })
      const session = {
        userId: 'idler',
        createdAt: T,
        expiresAt: T + 12 * hourMs,
        address: '::1',
        agent: 'a',
      }
      for (const id of ['used', 'idle']) await createSession(db, { id, ...session })
      for (let ms = hourMs; ms < 12 * hourMs; ms += hourMs) assert.ok(await useSession(db, 'used', T + ms))
      assert.equal(await useSession(db, 'used', T + 12 * hourMs), undefined)
      const end = T + SESSION_IDLE_MS
      assert.deepEqual(
        (await listSessions(db, 'idler', end)).map(({ id }) => id),
        ['used'],
      )
      assert.equal(await useSession(db, 'idle', end), undefined)
      assert.equal(await useSession(db, 'idle', end + 1), undefined, 'to ask did not bring it back')
      assert.ok(await useSession(db, 'idle', end - 1))
      const { seenAt } = (await findSession(db, 'idle'))!
      await useSession(db, 'idle', seenAt + 59_999)
      assert.equal((await findSession(db, 'idle'))?.seenAt, seenAt, 'a use within the minute is no write')
    })

    test('sessions end once, alone or together, and carry what their user is now', async () => {
      const session = { userId: 'bot2', createdAt: T, expiresAt: T + 1_000, address: '::1', agent: 'test' }
      for (const id of ['s1', 's2', 's3']) await createSession(db, { id, ...session })
      const user = { email: null, role: 'developer', tier: 'free', disabledAt: null }
      assert.deepEqual(await findSession(db, 's1'), {
        id: 's1',
        ...session,
        endedAt: null,
        seenAt: T,
        ...user,
      })
      assert.equal(await endSession(db, 's1', T + 1), true)
      assert.equal(await endSession(db, 's1', T + 2), false)
      assert.equal((await findSession(db, 's1'))?.endedAt, T + 1)
      assert.equal((await listSessions(db, 'bot2', T + 2)).length, 2)
      assert.equal((await listSessions(db, 'bot2', T + 1_000)).length, 0)
      assert.deepEqual((await endAllSessions(db, 'bot2', T + 3)).sort(), ['s2', 's3'])
      assert.equal(await deleteOldSessions(db, T + 2), 1)
      assert.equal(await findSession(db, 's1'), undefined)
    })
  })
}
