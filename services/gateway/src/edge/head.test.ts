import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { headError, originForm, type RequestHead } from './request-head.ts'

const LIMITS = { maxUrlBytes: 8_192, maxHeaders: 100 }

function head(
  url: string,
  headers: Record<string, string> = {},
  over: Partial<RequestHead> = {},
): RequestHead {
  const all: Record<string, string> = { host: 'gw.test', ...headers }
  return {
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    method: 'GET',
    url,
    headers: all,
    rawHeaders: Object.entries(all).flat(),
    ...over,
  }
}

describe('a request head', () => {
  it('never gets a path through that a careless reader would take out of its root', () => {
    const piece = fc.constantFrom(
      '.',
      '..',
      '%2e',
      '%2E',
      '/',
      '%2f',
      '\\',
      '%5c',
      'v1',
      'api',
      'a',
      '%00',
      '%',
      '?',
      '#',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
        const url = `/v1/${pieces.join('')}`
        if (headError(head(url), LIMITS)) return
        const path = url.split('?', 1)[0]!
        const read = path
          .replace(/%(..)/g, (_all, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
          .replaceAll('\\', '/')
        // As an upstream normalizes it: still below the root, and the same whether escapes were read or not.
        assert.ok(!read.split('/').some(segment => segment === '.' || segment === '..'), url)
        assert.ok(
          [...read].every(character => character >= ' '),
          url,
        )
      }),
      { numRuns: 20_000 },
    )
  })

  it('has one host, which is a name or an address with a port and nothing else', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 24 }), fc.webAuthority({ withPort: true, withUserInfo: true })),
        host => {
          if (headError(head('/', { host }), LIMITS)) return
          assert.match(host, /^[\w.-]+(:\d+)?$|^\[[0-9a-fA-F:.]+\](:\d+)?$/)
        },
      ),
      { numRuns: 20_000 },
    )
  })

  it('of HTTP/2 has an authority that its host may only repeat', () => {
    const two = { httpVersionMajor: 2, httpVersionMinor: 0 }
    const headers = (all: Record<string, string>) => ({
      ...two,
      headers: all,
      rawHeaders: Object.entries(all).flat(),
    })
    assert.equal(headError(head('/', {}, headers({ ':authority': 'gw.test' })), LIMITS), undefined)
    assert.equal(headError(head('/', {}, headers({ host: 'gw.test' })), LIMITS), undefined)
    assert.equal(
      headError(head('/', {}, headers({ ':authority': 'gw.test', host: 'gw.test' })), LIMITS),
      undefined,
    )
    for (const wrong of [
      {},
      { ':authority': '' },
      { ':authority': 'a@b' },
      { ':authority': 'a', host: 'b' },
    ]) {
      assert.equal(headError(head('/', {}, headers(wrong)), LIMITS)?.status, 400, JSON.stringify(wrong))
    }
  })

  it('with an absolute target is read as if it had a path', () => {
    assert.deepEqual(originForm(head('http://gw.test/v1/x?y')), { ok: true, url: '/v1/x?y' })
    assert.deepEqual(originForm(head('http://gw.test')), { ok: true, url: '/' })
    assert.deepEqual(originForm(head('http://gw.test?y')), { ok: true, url: '/?y' })
    for (const wrong of ['http://other/', 'http://u@gw.test/', 'ws://gw.test/', 'gw.test:80']) {
      assert.equal(originForm(head(wrong)).ok, false, wrong)
    }
  })
})
