import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSameOrigin } from './gate.http.ts'

describe('isSameOrigin', () => {
  const host = 'localhost:3000'
  const own = 'http://localhost:3000'

  it('accepts a request when the browser reports the same origin', () => {
    assert.equal(isSameOrigin({ origin: own, secFetchSite: 'same-origin', host }, undefined), true)
    assert.equal(isSameOrigin({ origin: own, secFetchSite: undefined, host }, undefined), true)
    assert.equal(isSameOrigin({ origin: undefined, secFetchSite: 'same-origin', host }, undefined), true)
  })

  it('refuses a request when it comes from another site or names no origin', () => {
    const foreign = [
      { origin: 'http://evil.example', secFetchSite: 'cross-site', host },
      { origin: 'http://evil.example', secFetchSite: undefined, host },
      { origin: 'http://localhost:4000', secFetchSite: 'same-site', host },
      { origin: own, secFetchSite: 'none', host },
      { origin: 'null', secFetchSite: undefined, host },
      { origin: undefined, secFetchSite: undefined, host },
      { origin: own, secFetchSite: undefined, host: undefined },
    ]
    for (const source of foreign) assert.equal(isSameOrigin(source, undefined), false, JSON.stringify(source))
  })

  it('compares with the configured origin when there is one', () => {
    const ops = 'https://ops.example'
    assert.equal(isSameOrigin({ origin: ops, secFetchSite: 'same-origin', host: 'inner:3000' }, ops), true)
    assert.equal(isSameOrigin({ origin: own, secFetchSite: 'same-origin', host }, ops), false)
  })
})
