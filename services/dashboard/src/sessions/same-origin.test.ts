import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSameOrigin } from './same-origin.ts'

describe('a request that changes something', () => {
  const host = 'localhost:3000'
  const own = 'http://localhost:3000'

  it("is the page's own when the browser says so and the origin is ours", () => {
    assert.equal(isSameOrigin({ origin: own, secFetchSite: 'same-origin', host }, undefined), true)
    assert.equal(isSameOrigin({ origin: own, secFetchSite: undefined, host }, undefined), true)
    assert.equal(isSameOrigin({ origin: undefined, secFetchSite: 'same-origin', host }, undefined), true)
  })

  it('is refused from elsewhere, and when nobody says where it is from', () => {
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

  it('must name the configured origin where there is one', () => {
    const ops = 'https://ops.example'
    assert.equal(isSameOrigin({ origin: ops, secFetchSite: 'same-origin', host: 'inner:3000' }, ops), true)
    assert.equal(isSameOrigin({ origin: own, secFetchSite: 'same-origin', host }, ops), false)
  })
})
