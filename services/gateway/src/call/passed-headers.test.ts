import assert from 'node:assert/strict'
import { it } from 'node:test'
import { unpassable } from '../config/forward-headers.ts'
import { passedHeaders, requestHeaders, responseHeaders, traceparentOf } from './passed-headers.ts'

const PASSED = passedHeaders(['x-affinity'])

it("request headers pass by a list, so that the client's credentials and address claims stay here", () => {
  const forwarded = requestHeaders(
    {
      authorization: 'Bearer sk_live_x',
      'x-api-key': 'sk_live_x',
      'api-key': 'azure',
      'x-goog-api-key': 'AIza',
      'openai-organization': 'org-1',
      'openai-project': 'proj-1',
      'anthropic-organization-id': 'org',
      'x-new-vendor-token': 'secret',
      cookie: 'a=b',
      connection: 'close, X-Title',
      'x-title': '1',
      'keep-alive': '5',
      te: 'trailers',
      'transfer-encoding': 'chunked',
      'x-forwarded-for': '1.2.3.4',
      x_user_id: 'root',
      ':authority': 'host',
      'accept-encoding': 'gzip',
      'openai-beta': 'x',
      'anthropic-beta': 'y',
      accept: '*/*',
      'x-stainless-lang': 'js',
      'x-affinity': ['a', 'b'],
    },
    'req_1',
    PASSED.openai,
  )
  assert.deepEqual(forwarded, {
    'accept-encoding': 'identity',
    'x-request-id': 'req_1',
    'openai-beta': 'x',
    accept: '*/*',
    'x-stainless-lang': 'js',
    'x-affinity': 'a, b',
  })
})

it('request headers of one vendor pass in its dialect alone', () => {
  const incoming = { 'openai-beta': 'x', 'anthropic-beta': 'y', 'anthropic-version': '2023-06-01' }
  const names = (dialect: keyof typeof PASSED) =>
    Object.keys(requestHeaders(incoming, 'r', PASSED[dialect])).slice(2)
  assert.deepEqual(names('openai'), ['openai-beta'])
  assert.deepEqual(names('anthropic'), ['anthropic-beta', 'anthropic-version'])
  assert.deepEqual(names('ollama'), [])
})

it('FORWARD_HEADERS refuses a name when it is a credential or no header', () => {
  for (const name of ['authorization', 'api-key', 'cookie', 'x-forwarded-for', 'a_b', 'openai-project', '']) {
    assert.notEqual(unpassable(name), undefined, name)
  }
  assert.equal(unpassable('x-affinity'), undefined)
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
