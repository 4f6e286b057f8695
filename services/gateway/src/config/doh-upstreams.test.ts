import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseUpstreams } from './doh-upstreams.ts'

describe('the list of DoH upstreams', () => {
  it('takes addresses from the URL, from behind #, or from what is well known', () => {
    const list =
      'https://1.1.1.1/dns-query,https://doh.test/q?key=1#192.0.2.1,2001:db8::1,https://dns.google/dns-query'
    assert.deepEqual(parseUpstreams(list.split(',')), {
      upstreams: [
        { url: 'https://1.1.1.1/dns-query', addresses: [] },
        { url: 'https://doh.test/q?key=1', addresses: ['192.0.2.1', '2001:db8::1'] },
        { url: 'https://dns.google/dns-query', addresses: ['8.8.8.8', '8.8.4.4', '2001:4860:4860::8888'] },
      ],
      faults: [],
    })
    assert.deepEqual(parseUpstreams(['https://[2001:db8::1]/dns-query']).faults, [])
  })

  it('says what is wrong', () => {
    const bad = [
      'http://1.1.1.1/dns-query',
      'dns.google',
      '192.0.2.1',
      'https://user:secret@1.1.1.1/dns-query',
      'https://doh.test/dns-query',
      'https://doh.test/dns-query#name',
    ]
    for (const part of bad) assert.equal(parseUpstreams([part]).faults.length, 1, part)
  })
})
