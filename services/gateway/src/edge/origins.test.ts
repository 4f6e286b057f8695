import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CHAT, chat, message } from './test/case.ts'
import { startEdge } from './test/env.ts'
import { sendRaw } from './test/raw.ts'

describe('pages of other origins', () => {
  const preflight = (origin: string) =>
    message(`OPTIONS ${CHAT} HTTP/1.1`, [
      'Host: gw.test',
      `Origin: ${origin}`,
      'Access-Control-Request-Method: POST',
      'Access-Control-Request-Headers: authorization,content-type,x-stainless-os',
    ])

  it('may call when they are listed, and read the limits', async () => {
    await using env = await startEdge({ corsOrigins: ['https://app.test'] })
    const allowed = (await sendRaw(env.port, preflight('https://app.test'))).answers[0]!
    assert.equal(allowed.status, 204)
    assert.equal(allowed.headers['access-control-allow-origin'], 'https://app.test')
    assert.match(allowed.headers['access-control-allow-methods']!, /POST/)
    assert.equal(allowed.headers['access-control-allow-headers'], 'authorization,content-type,x-stainless-os')
    assert.equal(allowed.headers['access-control-allow-credentials'], undefined)
    const other = (await sendRaw(env.port, preflight('https://evil.test'))).answers[0]!
    assert.equal(other.headers['access-control-allow-origin'], undefined)
    const served = (await sendRaw(env.port, chat(['Origin: https://app.test']))).answers[0]!
    assert.equal(served.headers['access-control-allow-origin'], 'https://app.test')
    assert.equal(served.headers.vary, 'Origin')
    assert.match(served.headers['access-control-expose-headers']!, /x-request-id/)
    const refused = (await sendRaw(env.port, chat(['Origin: https://app.test']).replace('good-key', 'bad')))
      .answers[0]!
    assert.deepEqual(
      [refused.status, refused.headers['access-control-allow-origin']],
      [401, 'https://app.test'],
    )
  })

  it('may not when no origin is listed, whatever the upstream says', async () => {
    await using env = await startEdge({
      upstream: (_request, response) => response.setHeader('access-control-allow-origin', '*').end('{}'),
    })
    for (const bytes of [preflight('https://app.test'), chat(['Origin: https://app.test'])]) {
      const { headers } = (await sendRaw(env.port, bytes)).answers[0]!
      assert.equal(headers['access-control-allow-origin'], undefined)
    }
  })
})
