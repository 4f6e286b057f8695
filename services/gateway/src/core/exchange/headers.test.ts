import assert from 'node:assert/strict'
import { it } from 'node:test'
import { requestHeaders, responseHeaders, traceparentOf } from './headers.ts'

it("keeps the client's credentials, address claims and connection headers from the upstream", () => {
  const forwarded = requestHeaders(
    {
      authorization: 'Bearer sk_live_x',
      'x-api-key': 'sk_live_x',
      cookie: 'a=b',
      connection: 'close, X-Secret',
      'x-secret': '1',
      'keep-alive': '5',
      te: 'trailers',
      'transfer-encoding': 'chunked',
      'x-forwarded-for': '1.2.3.4',
      x_user_id: 'root',
      ':authority': 'host',
      'accept-encoding': 'gzip',
      'openai-beta': 'x',
      accept: '*/*',
      'x-many': ['a', 'b'],
    },
    'req_1',
  )
  assert.deepEqual(forwarded, {
    'accept-encoding': 'identity',
    'x-request-id': 'req_1',
    'openai-beta': 'x',
    accept: '*/*',
    'x-many': 'a, b',
  })
})

it("keeps the upstream's connection and cookies from the client", () => {
  const incoming = {
    'content-type': 'application/json',
    'content-length': '5',
    connection: 'keep-alive, x-hop',
    'x-hop': '1',
    'set-cookie': ['a=b'],
    'transfer-encoding': 'chunked',
    'openai-model': 'm',
  }
  assert.deepEqual(responseHeaders(incoming, true), {
    'content-type': 'application/json',
    'content-length': '5',
    'openai-model': 'm',
  })
  assert.equal(responseHeaders(incoming, false)['content-length'], undefined)
})

it('takes only a well-formed traceparent', () => {
  const good = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  assert.equal(traceparentOf(good), good)
  for (const bad of [undefined, '', 'x', `${good}x`, [good]]) assert.equal(traceparentOf(bad), undefined)
})
