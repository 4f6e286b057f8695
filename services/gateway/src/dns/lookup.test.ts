import assert from 'node:assert/strict'
import type { LookupAddress, LookupOptions } from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { Agent, request } from 'undici'
import type { DnsResolver } from './resolve.ts'
import { createResolver } from './resolver.http.ts'
import {
  type Certificate,
  createCertificate,
  type FakeUpstream,
  startFakeUpstream,
  zone,
} from './test-upstream.ts'

const RECORDS = zone(({ name, type }) => {
  if (name === 'absent.test') return { flags: 3 }
  if (name === 'broken.test') return { flags: 2 }
  if (name === 'model.test' && type === 'A') {
    return {
      answers: [
        { type: 'CNAME', name, ttl: 60, data: 'real.test' },
        { type: 'A', name: 'real.test', ttl: 60, data: '127.0.0.1' },
      ],
    }
  }
  if (name === 'dual.test' && type === 'A')
    return { answers: [{ type: 'A', name, ttl: 60, data: '192.0.2.1' }] }
  if (name === 'dual.test') return { answers: [{ type: 'AAAA', name, ttl: 60, data: '2001:db8::1' }] }
  return {}
})

describe('the gateway’s own lookups', () => {
  const stack = new AsyncDisposableStack()
  let certificate: Certificate
  let upstream: FakeUpstream
  let resolver: DnsResolver

  before(async () => {
    certificate = await createCertificate()
    upstream = stack.use(await startFakeUpstream(certificate, RECORDS))
    resolver = stack.use(
      createResolver({
        upstreams: [{ url: `https://doh.test:${upstream.port}/dns-query`, addresses: ['127.0.0.1'] }],
        clusterDomain: 'api.fluxgate.local',
        overrides: [{ name: 'fixed.test', addresses: ['10.9.8.7'] }],
        nodes: () => [{ address: '10.0.0.1' }, { address: '10.0.0.1' }],
        authorities: certificate.cert,
      }),
    )
  })
  after(() => stack.disposeAsync())

  function lookup(
    name: string,
    options: LookupOptions = { all: true },
    of = resolver,
  ): Promise<LookupAddress[]> {
    return new Promise((resolve, reject) => {
      of.lookup(name, options, (error, found, family) => {
        if (error) reject(error)
        else resolve(typeof found === 'string' ? [{ address: found, family: family ?? 0 }] : found)
      })
    })
  }

  it('gives both families, IPv4 first, or the one that is asked for', async () => {
    const v4 = { address: '192.0.2.1', family: 4 }
    const v6 = { address: '2001:db8::1', family: 6 }
    assert.deepEqual(await lookup('dual.test'), [v4, v6])
    assert.deepEqual(await lookup('Dual.Test.', { family: 6, all: true }), [v6])
    assert.deepEqual(await lookup('dual.test', { family: 'IPv4', all: true }), [v4])
    assert.deepEqual(await lookup('dual.test', {}), [v4])
  })

  it('knows the overrides and localhost without asking anybody', async () => {
    upstream.queries.length = 0
    assert.deepEqual(await lookup('fixed.test'), [{ address: '10.9.8.7', family: 4 }])
    assert.deepEqual(await lookup('api.fluxgate.local'), [{ address: '10.0.0.1', family: 4 }])
    assert.deepEqual(await lookup('localhost', {}), [{ address: '127.0.0.1', family: 4 }])
    assert.equal(upstream.queries.length, 0)
  })

  it('tells absent names from failures, and a bad name is an absent one', async () => {
    for (const name of ['absent.test', 'nothing.test', 'a..b', `${'x'.repeat(70)}.test`, '']) {
      await assert.rejects(lookup(name), { code: 'ENOTFOUND' }, name)
    }
    await assert.rejects(lookup('broken.test'), { code: 'EAI_AGAIN' })
  })

  it('does not wait long for the second family', async () => {
    const answering = zone(({ name }) => ({ answers: [{ type: 'A', name, ttl: 60, data: '192.0.2.5' }] }))
    const isSixth = (query: Buffer) => query.readUInt16BE(query.length - 4) === 28
    const slow = stack.use(
      await startFakeUpstream(certificate, query => (isSixth(query) ? undefined : answering(query))),
    )
    const own = stack.use(
      createResolver({
        upstreams: [{ url: `https://doh.test:${slow.port}/dns-query`, addresses: ['127.0.0.1'] }],
        clusterDomain: 'api.fluxgate.local',
        nodes: () => [],
        authorities: certificate.cert,
      }),
    )
    const startedMs = performance.now()
    assert.deepEqual(await lookup('half.test', { all: true }, own), [{ address: '192.0.2.5', family: 4 }])
    assert.ok(performance.now() - startedMs < 1_000)
  })

  it('serves undici: a connection to a name that only the DoH upstream knows', async () => {
    const model = createServer((asked, reply) => reply.end(asked.headers.host)).listen(0, '127.0.0.1')
    stack.defer(() => void model.close())
    await once(model, 'listening')
    const bound = model.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0
    const agent = new Agent({ connect: { lookup: resolver.lookup } })
    const { body } = await request(`http://model.test:${port}/`, { dispatcher: agent })
    assert.equal(await body.text(), `model.test:${port}`)
    await agent.close()
  })

  it('falls back to the system without upstreams, but not for overrides', async () => {
    const plain = stack.use(
      createResolver({
        upstreams: [],
        clusterDomain: 'api.fluxgate.local',
        nodes: () => [{ address: '10.0.0.1' }],
      }),
    )
    assert.deepEqual(await lookup('api.fluxgate.local', {}, plain), [{ address: '10.0.0.1', family: 4 }])
    await assert.rejects(
      lookup('no-such-name.invalid', {}, plain),
      error => error instanceof Error && 'code' in error,
    )
  })
})
