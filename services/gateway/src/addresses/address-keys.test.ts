import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isAddressHash } from '@fluxgate/contracts'
import { agentProducts } from '../http/agent-products.ts'
import { AddressHashes } from './address-keys.ts'

const key = (period: number) => ({ period, secret: Buffer.alloc(32, period) })

describe('addresses in events', () => {
  test('are one keyed hash for an IPv4 address in whatever form, and for a /64', () => {
    const hashes = new AddressHashes(key(1), () => {})
    const text = hashes.textOf('203.0.113.7')
    assert.ok(isAddressHash(text))
    assert.equal(hashes.textOf('::ffff:203.0.113.7'), text)
    assert.notEqual(hashes.textOf('203.0.113.8'), text)
    assert.equal(hashes.textOf('2001:db8:1:2::1'), hashes.textOf('2001:0db8:1:2:ffff::9'))
    assert.notEqual(hashes.textOf('2001:db8:1:3::1'), hashes.textOf('2001:db8:1:2::1'))
  })

  test('have the same hash at every node with the key, and another one with another key', () => {
    const [one, other, later] = [1, 1, 2].map(period => new AddressHashes(key(period), () => {}))
    assert.equal(one!.textOf('203.0.113.7'), other!.textOf('203.0.113.7'))
    assert.notEqual(one!.textOf('203.0.113.7'), later!.textOf('203.0.113.7'))
    assert.notEqual(one!.accountOf('ann@example.com'), later!.accountOf('ann@example.com'))
    assert.match(one!.accountOf('ann@example.com'), /^[0-9a-f]{32}$/)
  })

  test('can be found by the hash of the period before after the key has changed', () => {
    const hashes = new AddressHashes(key(1), () => {})
    const before = hashes.textOf('203.0.113.7')
    assert.equal(hashes.previousTextOf(before), undefined)
    hashes.setKeys(key(2), key(1))
    const now = hashes.textOf('203.0.113.7')
    assert.notEqual(now, before)
    assert.equal(hashes.previousTextOf(now), before)
  })

  test('stay clear when the policy of the guard allows them by name', () => {
    const hashes = new AddressHashes(key(1), () => {})
    assert.ok(isAddressHash(hashes.textOf('203.0.113.7')))
    hashes.allow(['203.0.113.7', '2001:db8:1:2::/64'])
    assert.equal(hashes.textOf('203.0.113.7'), '203.0.113.7')
    assert.equal(hashes.textOf('2001:db8:1:2::1'), '2001:db8:1:2::1')
    hashes.allow([])
    assert.ok(isAddressHash(hashes.textOf('203.0.113.7')))
  })

  test('are handed over to be stored once, and again when they were forgotten', () => {
    const reported: string[] = []
    const hashes = new AddressHashes(key(1), (_hash, group) => reported.push(group))
    for (let i = 0; i < 5; i++) for (const host of ['1', '2']) hashes.textOf(`2001:db8::${host}`)
    assert.deepEqual(reported, ['2001:db8:0:0::/64'])
    hashes.forget()
    hashes.textOf('2001:db8::3')
    assert.equal(reported.length, 2)
  })

  test('take no more memory than they may, however many there are', () => {
    let reported = 0
    const hashes = new AddressHashes(key(1), () => reported++)
    const address = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
    for (let i = 0; i <= 50_000; i++) hashes.textOf(address(i))
    // The first was forgotten to make room, so that it is new again.
    hashes.textOf(address(0))
    assert.equal(reported, 50_002)
  })
})

describe('user agents in events', () => {
  test('are names of products with two numbers of their versions', () => {
    const cases: Array<[string, string]> = [
      ['OpenAI/Python 1.99.3', 'OpenAI/Python'],
      ['openai-python/1.99.3', 'openai-python/1.99'],
      ['curl/8.7.1', 'curl/8.7'],
      [
        'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.7390.55 Safari/537.36',
        'Mozilla/5.0 AppleWebKit/537.36 Chrome/141.0 Safari/537.36',
      ],
      ['my-app/2 (ann@example.com; Ann (home) laptop) node', 'my-app/2 node'],
      ['', ''],
      ['(((((', ''],
      [`${'x'.repeat(500)}/1 y/2`, `${'x'.repeat(32)} y/2`],
    ]
    for (const [header, products] of cases) assert.equal(agentProducts(header), products, header)
  })

  test('are bounded, however long they are', () => {
    const long = Array.from({ length: 200 }, (_, i) => `product-${i}/${i}.0.0`).join(' ')
    assert.ok(agentProducts(long).length <= 80)
    assert.ok(agentProducts('a/1 '.repeat(10_000)).split(' ').length <= 4)
  })
})
