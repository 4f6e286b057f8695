import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { type EventMaker, eventMaker, KeyRevoked, LoggedOut, TierChanged } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type LinkLog, type NatsLink } from '@fluxgate/nats'
import { type Database, migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { LiveSessions } from '@fluxgate/session'
import { createDatabase, eventually, type NatsServer, startNatsServer, testPostgres } from '@fluxgate/testing'
import { monotonicFactory } from 'ulid'
import type { KeyAnswer } from '../http/refusal-messages.ts'
import { openAccounts } from './accounts.pg.ts'
import type { AccountTools } from './accounts.ts'
import { type AdminAccounts, administer } from './admin-accounts.ts'
import { type OpenKeyDirectory, openKeyDirectory } from './key-directory.pg.ts'
import { watchLogouts } from './logouts.nats.ts'
import { watchRevocations } from './revocations.nats.ts'

const quiet: LinkLog = { info() {}, warn() {}, error() {} }
const stack = new AsyncDisposableStack()
let nats: NatsServer
let db: Database
/** The node that changes something, and the one that has to hear of it. */
let here: NatsLink
let there: NatsLink
let publisher: EventPublisher
let make: EventMaker
let admin: AdminAccounts
let directory: OpenKeyDirectory

before(async () => {
  nats = stack.use(await startNatsServer())
  const postgres = stack.use(await testPostgres())
  db = stack.use(openDatabase(await createDatabase(postgres)))
  await migrateToLatest(db)
  here = stack.use(await connectNats({ url: nats.url, name: 'here' }, quiet))
  there = stack.use(await connectNats({ url: nats.url, name: 'there' }, quiet))
  await ensureTopology(here)
  publisher = stack.use(new EventPublisher(here))
  make = eventMaker('/gateway/test/boot', monotonicFactory(), Date.now)
  const tools: AccountTools = {
    accounts: openAccounts(db),
    append: event => publisher.append(event),
    make,
    random: randomBytes,
    epochMs: Date.now,
  }
  admin = administer({ ...tools, readLimits: async () => ({ tiers: {}, identities: {} }) })
  directory = stack.use(openKeyDirectory(there, db, Date.now, quiet))
  await there.connection.flush()
})
after(() => stack.disposeAsync())

async function newKey(user: string): Promise<{ key: string; id: string }> {
  const made = await admin.generateKey(user, { tier: undefined, name: '' })
  assert.ok(made.ok)
  return made.value
}

const kindOf = (answer: KeyAnswer) => (answer.kind === 'rejected' ? answer.reason : answer.kind)

/** The answer once the directory has stopped giving `before`; never that of a memory that has not heard. */
async function answerAfter(key: string, before: string): Promise<string> {
  let kind = before
  await eventually(async () => {
    kind = kindOf(await directory.lookup(key))
    return kind !== before
  })
  return kind
}

describe('the directory of keys at one node', () => {
  test('answers at once for a key that it knows', async () => {
    const { key, id } = await newKey('ann')
    const first = directory.lookup(key)
    assert.ok(first instanceof Promise)
    assert.equal(kindOf(await first), 'accepted')
    const known = directory.lookup(key)
    assert.ok(!(known instanceof Promise) && known.kind === 'accepted')
    assert.deepEqual(known.caller, {
      identity: { user: 'ann', key: id },
      identityText: `ann.${id}`,
      tier: 'free',
    })
  })

  test('hears of a key that is revoked at another', async () => {
    const { key, id } = await newKey('bob')
    const other = await newKey('bob')
    for (const each of [key, other.key]) assert.equal(kindOf(await directory.lookup(each)), 'accepted')
    await admin.revokeKey(id, 'test')
    assert.equal(await answerAfter(key, 'accepted'), 'revoked')
    assert.ok(!(directory.lookup(other.key) instanceof Promise), 'the other key is still known')
  })

  test('hears of a tier that is changed at another', async () => {
    const { key } = await newKey('carol')
    await directory.lookup(key)
    await admin.setTier('carol', 'pro')
    await eventually(async () => {
      const answer = await directory.lookup(key)
      assert.equal(answer.kind === 'accepted' && answer.caller.tier, 'pro')
    })
  })

  test('checks all again after a connection that was lost may have swallowed something', async () => {
    const { key, id } = await newKey('dora')
    assert.equal(kindOf(await directory.lookup(key)), 'accepted')
    await nats.stop()
    await admin.revokeKey(id, 'test')
    assert.equal(kindOf(await directory.lookup(key)), 'accepted')
    await nats.start()
    assert.equal(await answerAfter(key, 'accepted'), 'revoked')
  })

  test('notes when a key was last used', async () => {
    const { key, id } = await newKey('erin')
    await using own = openKeyDirectory(there, db, Date.now, quiet)
    const before = Date.now()
    await own.lookup(key)
    await own[Symbol.asyncDispose]()
    const [listed] = await admin.listKeys('erin')
    assert.equal(listed?.id, id)
    assert.ok((listed?.lastUsedAt ?? 0) >= before)
  })
})

describe('news between nodes', () => {
  test('a logout at one node ends the session at another', async () => {
    const rows = new Map([['s1', 'ann']])
    const live = new LiveSessions({ find: async id => rows.get(id) })
    using _watching = watchLogouts(there, live)
    await there.connection.flush()
    assert.equal(await live.find('s1'), 'ann')
    rows.clear()
    publisher.append(make(LoggedOut, { user: 'ann', key: 'portal', session: 's1', address: '::1' }))
    await eventually(async () => assert.equal(await live.find('s1'), undefined), { timeoutMs: 1_000 })
  })

  test('a revocation is heard within 50 ms, p99', async () => {
    const TIMES = 1_000
    const waiting = new Map<string, () => void>()
    using _watching = watchRevocations(there, {
      evictKey: key => waiting.get(key)?.(),
      evictUser: user => waiting.get(user)?.(),
      recheckAll() {},
    })
    await there.connection.flush()
    const took: number[] = []
    for (let i = 0; i < TIMES; i++) {
      const name = `x${i}`
      const received = new Promise<void>(resolve => waiting.set(name, resolve))
      const startedMs = performance.now()
      const isRevocation = i % 2 === 0
      publisher.append(
        isRevocation
          ? make(KeyRevoked, { user: 'ann', key: name, actor: 'self' })
          : make(TierChanged, { user: name, key: 'portal', from: 'free', to: 'pro', actor: 'admin' }),
      )
      await received
      took.push(performance.now() - startedMs)
    }
    took.sort((a, b) => a - b)
    const at = (share: number) => took[Math.floor(TIMES * share)]!
    process.stdout.write(
      `# published → evicted: p50 ${at(0.5).toFixed(2)} ms, p99 ${at(0.99).toFixed(2)} ms\n`,
    )
    assert.ok(at(0.99) < 50, `p99 ${at(0.99)} ms`)
  })
})
