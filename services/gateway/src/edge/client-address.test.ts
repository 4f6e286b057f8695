import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clientAddress, FORWARD_TOKEN_HEADER, forwarderBy, trustedNetworks } from './client-address.ts'
import type { Request } from './request-filter.http.ts'

const addressOf = clientAddress(trustedNetworks(['loopback', '10.0.0.0/8', '2001:db8::/32']))

function from(peer: string, forwarded?: string): string {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return addressOf({ socket: { remoteAddress: peer }, headers } as unknown as Request)
}

test('a stranger is who it is, whatever it says', () => {
  assert.equal(from('203.0.113.7'), '203.0.113.7')
  assert.equal(from('203.0.113.7', '198.51.100.1'), '203.0.113.7')
  assert.equal(from('::ffff:203.0.113.7', '198.51.100.1'), '::ffff:203.0.113.7')
})

test('behind trusted proxies it is the first from the right that is none of them', () => {
  assert.equal(from('127.0.0.1'), '127.0.0.1')
  assert.equal(from('::ffff:127.0.0.1', '198.51.100.1'), '198.51.100.1')
  assert.equal(from('10.1.1.1', '1.1.1.1, 198.51.100.1 , 10.2.2.2'), '198.51.100.1')
  assert.equal(from('2001:db8::1', '2001:dead::5'), '2001:dead::5')
  assert.equal(from('127.0.0.1', '10.0.0.5, 10.0.0.6'), '10.0.0.5', 'all are ours: the farthest')
})

test('what is no address is not taken for one', () => {
  assert.equal(from('127.0.0.1', 'unknown'), '127.0.0.1')
  assert.equal(from('127.0.0.1', 'evil\u0000, 10.0.0.6'), '10.0.0.6')
  assert.equal(from('127.0.0.1', ''), '127.0.0.1')
})

describe('FORWARD_TOKEN', () => {
  const TOKEN = 'a token that the dashboard has'
  /** From a peer that is no trusted proxy. */
  function passedOn(configured: string | undefined, shown: string | string[] | undefined): string {
    const headers = { 'x-forwarded-for': '198.51.100.1', [FORWARD_TOKEN_HEADER]: shown }
    const request = { socket: { remoteAddress: '203.0.113.7' }, headers } as unknown as Request
    return clientAddress(trustedNetworks(['loopback']), forwarderBy(configured))(request)
  }

  test('makes the forwarded address count when a request shows it', () => {
    assert.equal(passedOn(TOKEN, TOKEN), '198.51.100.1')
  })

  test('leaves the peer as the address when a request shows no token or another', () => {
    const wrong = [
      undefined,
      '',
      TOKEN.slice(1),
      `${TOKEN} `,
      TOKEN.toUpperCase(),
      `${TOKEN}, ${TOKEN}`,
      [TOKEN],
    ]
    for (const shown of wrong) assert.equal(passedOn(TOKEN, shown), '203.0.113.7', JSON.stringify(shown))
  })

  test('leaves the peer as the address when none is configured, whatever a request shows', () => {
    for (const shown of [TOKEN, '', 'undefined', undefined])
      assert.equal(passedOn(undefined, shown), '203.0.113.7', JSON.stringify(shown))
  })
})
