import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BUCKETS, isAddressHash } from '@fluxgate/contracts'
import { connectNats, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { eventually, type NatsServer, testNats } from '@fluxgate/testing'
import { openAddressBook } from './address-book.nats.ts'
import { ADDRESS_KEY_PERIOD_MS } from './address-keys.ts'

const quiet = { info() {}, warn() {}, error() {} }
let nats: NatsServer
let link: NatsLink
before(async () => {
  nats = await testNats()
  link = await connectNats({ url: nats.url, name: 'test' }, quiet)
  await ensureTopology(link)
})
after(async () => {
  await link[Symbol.asyncDispose]()
  await nats[Symbol.asyncDispose]()
})

describe('the address book', () => {
  test('gives an address the same hash at nodes that start at once, and resolves it while it is stored', async () => {
    const nowMs = 100.5 * ADDRESS_KEY_PERIOD_MS
    const books = await Promise.all([1, 2, 3].map(() => openAddressBook(link, () => nowMs, quiet)))
    const texts = books.map(book => book.hashes.textOf('203.0.113.7'))
    assert.ok(isAddressHash(texts[0]!))
    assert.equal(new Set(texts).size, 1)
    await eventually(async () => assert.equal(await books[1]!.resolve(texts[0]!), '203.0.113.7'))
    assert.equal(await books[1]!.resolve('a_00000000000000000000'), undefined)
    assert.equal(await books[1]!.resolve('198.51.100.1'), '198.51.100.1')
    for (const book of books) await book[Symbol.asyncDispose]()
  })

  test('takes a new key in a new period, and knows the one before, also after a restart', async () => {
    let nowMs = 200.9 * ADDRESS_KEY_PERIOD_MS
    await using book = await openAddressBook(link, () => nowMs, quiet)
    const before = book.hashes.textOf('203.0.113.7')
    await book.rotate()
    assert.equal(book.hashes.textOf('203.0.113.7'), before)
    nowMs += 0.2 * ADDRESS_KEY_PERIOD_MS
    await book.rotate()
    const now = book.hashes.textOf('203.0.113.7')
    assert.notEqual(now, before)
    await using restarted = await openAddressBook(link, () => nowMs, quiet)
    assert.equal(restarted.hashes.textOf('203.0.113.7'), now)
    assert.equal(restarted.hashes.previousTextOf(now), before)
  })

  test('forgets an address that is stored and one that waits to be, when it is asked to', async () => {
    await using book = await openAddressBook(link, () => 300.5 * ADDRESS_KEY_PERIOD_MS, quiet)
    const [stored, other] = ['203.0.113.8', '203.0.113.9'].map(address => book.hashes.textOf(address))
    await eventually(async () => assert.equal(await book.resolve(stored!), '203.0.113.8'))
    const waiting = book.hashes.textOf('203.0.113.10')
    await book.forget([stored!, waiting, 'admin'])
    assert.deepEqual([await book.resolve(stored!), await book.resolve(waiting)], [undefined, undefined])
    await eventually(async () => assert.equal(await book.resolve(other!), '203.0.113.9'))
  })

  test('keeps keys for two periods and addresses for three days, and publishes neither on core NATS', async () => {
    const configOf = async (bucket: string) => (await link.manager.streams.info(`KV_${bucket}`)).config
    const [keys, addresses] = [await configOf(BUCKETS.addressKeys), await configOf(BUCKETS.addresses)]
    const days = (config: { max_age: number }) => config.max_age / 1e6 / 86_400_000
    assert.deepEqual([days(keys), days(addresses)], [15, 3])
    assert.deepEqual([keys.republish, addresses.republish], [undefined, undefined])
    assert.equal(addresses.discard, 'old')
  })
})
