import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cookiesForBrowser, cookiesForGateway } from './cookies.ts'

const names = [
  { browser: 'fluxgate', gateway: '__Host-fluxgate' },
  { browser: 'fluxgate-device', gateway: '__Host-fluxgate-device' },
]

describe('gateway cookies', () => {
  it('are renamed for each side, and other cookies are dropped', () => {
    const fromGateway = [
      '__Host-fluxgate=abc.def=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=60',
      '__Host-fluxgate-device=dev; Path=/; Secure; HttpOnly',
      'other=1; Path=/',
      'x__Host-fluxgate=1',
    ]
    assert.deepEqual(cookiesForBrowser(fromGateway, names, false), [
      'fluxgate=abc.def=; Path=/; HttpOnly; SameSite=Strict; Max-Age=60',
      'fluxgate-device=dev; Path=/; HttpOnly',
    ])
    const sent = {
      fluxgate: 'a-b.c_d.ef',
      'fluxgate-device': 'd.e.v',
      '__Host-fluxgate': 'planted',
      other: '1',
    }
    assert.equal(cookiesForGateway(sent, names), '__Host-fluxgate=a-b.c_d.ef; __Host-fluxgate-device=d.e.v')
    assert.equal(cookiesForGateway({ 'fluxgate-device': 'd.e.v' }, names), '__Host-fluxgate-device=d.e.v')
    assert.equal(cookiesForGateway({ other: '1' }, names), undefined)
  })

  it('drops a cookie when it is not a signed token', () => {
    for (const value of [
      undefined,
      '',
      'abc',
      'a.b',
      'a.b.c\n',
      'a.b.c; x=1',
      'é.b.c',
      `a.b.${'c'.repeat(3_000)}`,
    ]) {
      assert.equal(cookiesForGateway({ fluxgate: value, 'fluxgate-device': value }, names), undefined, value)
    }
  })

  it('keep their prefix and stay secure when the dashboard is behind TLS', () => {
    const same = [{ browser: '__Host-fluxgate', gateway: '__Host-fluxgate' }]
    const [cookie] = cookiesForBrowser('__Host-fluxgate=a; Path=/; HttpOnly; secure', same, true)
    assert.equal(cookie, '__Host-fluxgate=a; Path=/; HttpOnly; Secure')
    assert.deepEqual(cookiesForBrowser(undefined, same, true), [])
  })
})
