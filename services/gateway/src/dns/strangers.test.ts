import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import * as packet from 'dns-packet'
import { Agent, request } from 'undici'
import { RCODE } from './codes.ts'
import { dnsClients } from './dns-clients.ts'
import { registerDnsQuery } from './dns-query.http.ts'
import { DNS_LIMITS } from './limits.ts'
import type { DnsResolver } from './resolve.ts'
import { createResolver } from './resolver.http.ts'
import { query, rcode } from './test-messages.ts'
import { createTestClient, createTestServer, type TestClient } from './test-server.ts'
import {
  type Certificate,
  createCertificate,
  type FakeUpstream,
  startFakeUpstream,
  zone,
} from './test-upstream.ts'

const QUESTIONS = 660
const CALLS = 20
const ANSWERS = zone(({ name }) => ({ answers: [{ type: 'A', name, ttl: 60, data: '127.0.0.1' }] }))
const KEY = 'sk_live_known'

/** Questions about names that the upstream never answers, while the gateway looks up its model server's name. */
describe('slow DNS questions of strangers', () => {
  const stack = new AsyncDisposableStack()
  let certificate: Certificate
  let upstream: FakeUpstream
  let modelPort = 0

  before(async () => {
    certificate = await createCertificate()
    const isSlow = (bytes: Buffer) => packet.decode(bytes).questions?.[0]?.name.endsWith('.slow.test')
    upstream = stack.use(
      await startFakeUpstream(certificate, bytes => (isSlow(bytes) ? undefined : ANSWERS(bytes))),
    )
    const model = createServer((_request, reply) => reply.end('{}')).listen(0, '127.0.0.1')
    stack.defer(() => void model.close())
    await once(model, 'listening')
    modelPort = (model.address() as AddressInfo).port
  })
  after(() => stack.disposeAsync())

  /** A face whose clients are where `x-client` says, and the resolver behind it. */
  async function server(
    access: Parameters<typeof dnsClients>[0],
  ): Promise<{ client: TestClient; resolver: DnsResolver }> {
    const resolver = stack.use(
      createResolver({
        upstreams: [{ url: `https://doh.test:${upstream.port}/dns-query`, addresses: ['127.0.0.1'] }],
        clusterDomain: 'api.fluxgate.local',
        nodes: () => [{ address: '10.0.0.1' }],
        limits: { tryMs: 60_000, totalMs: 60_000 },
        authorities: certificate.cert,
      }),
    )
    const app = createTestServer(certificate)
    stack.defer(() => app.close())
    const clientOf = dnsClients(access, {
      addressOf: ({ headers }) => String(headers['x-client'] ?? '192.0.2.1'),
      lookupKey: key =>
        key === KEY
          ? {
              kind: 'accepted',
              caller: { identity: { user: 'u', key: 'k' }, identityText: 'u.k', tier: 'free' },
            }
          : { kind: 'rejected', reason: 'unknown' },
    })
    registerDnsQuery(app, resolver, { clientOf })
    app.get('/health', (_request, reply) => reply.send({ status: 'alive' }))
    const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
    return { resolver, client: stack.use(createTestClient(port, certificate)) }
  }

  const ask = (client: TestClient, name: string, headers: Record<string, string> = {}) =>
    client.request({ ':path': `/dns-query?dns=${query(name).toString('base64url')}`, ...headers })

  it('delay no model call and no probe when they come from many addresses', async () => {
    const { client, resolver } = await server({ kind: 'open' })
    const waiting = Array.from({ length: QUESTIONS }, (_, i) =>
      ask(client, `n${i}.slow.test`, { 'x-client': `2001:db8:0:${i % 60}::${i}` }),
    )
    for (const answer of waiting) answer.catch(() => {})
    await eventually(() => resolver.stats().waiting === DNS_LIMITS.upstreamQueries)
    await eventually(() => resolver.stats().overloaded === QUESTIONS - DNS_LIMITS.upstreamQueries)

    let calls = 0
    let probes = 0
    for (let i = 0; i < CALLS; i++) {
      // A name of its own each time: nothing comes from the cache.
      const agent = new Agent({ connect: { lookup: resolver.lookup, timeout: 5_000 } })
      const { statusCode } = await request(`http://model${i}.test:${modelPort}/`, { dispatcher: agent })
      if (statusCode === 200) calls++
      await agent.destroy()
      if ((await client.request({ ':path': '/health' })).status === 200) probes++
    }
    assert.deepEqual({ calls, probes }, { calls: CALLS, probes: CALLS })
    assert.equal(
      resolver.stats().waiting,
      DNS_LIMITS.upstreamQueries,
      'the slow questions wait all the while',
    )
  })

  it('are refused beyond a few when they come from one address, a /64 of IPv6 too, and others are answered', async () => {
    const { client, resolver } = await server({ kind: 'open' })
    const asked = Array.from({ length: QUESTIONS }, (_, i) =>
      ask(client, `one${i}.slow.test`, { 'x-client': `2001:db8:0:1:${i.toString(16)}::1` }),
    )
    for (const answer of asked) answer.catch(() => {})
    await eventually(() => resolver.stats().limited === QUESTIONS - DNS_LIMITS.clientQueries)
    assert.equal(resolver.stats().waiting, DNS_LIMITS.clientQueries)
    const other = await ask(client, 'quick.test', { 'x-client': '2001:db8:0:2::1' })
    assert.deepEqual([other.status, rcode(other.body)], [200, RCODE.noError])
    const limited = await ask(client, 'more.slow.test', { 'x-client': '2001:db8:0:1::9' })
    assert.deepEqual([limited.status, rcode(limited.body)], [200, RCODE.servFail])
    assert.equal(limited.headers['cache-control'], 'max-age=0')
  })

  it('are refused by DOH_ACCESS when the address or the key may not ask, cached or not; own names never', async () => {
    const code = async (client: TestClient, name: string, headers: Record<string, string>) =>
      rcode((await ask(client, name, headers)).body)
    const inside = await server({ kind: 'networks', networks: ['10.0.0.0/8'] })
    assert.equal(await code(inside.client, 'quick.test', { 'x-client': '10.1.2.3' }), RCODE.noError)
    assert.equal(await code(inside.client, 'quick.test', { 'x-client': '192.0.2.7' }), RCODE.refused)
    assert.equal(await code(inside.client, 'api.fluxgate.local', { 'x-client': '192.0.2.7' }), RCODE.noError)
    assert.equal(inside.resolver.stats().prohibited, 1)

    const keyed = await server({ kind: 'keys' })
    assert.equal(await code(keyed.client, 'quick.test', { authorization: `Bearer ${KEY}` }), RCODE.noError)
    assert.equal(
      await code(keyed.client, 'quick.test', { authorization: 'Bearer sk_live_other' }),
      RCODE.refused,
    )
    assert.equal(await code(keyed.client, 'quick.test', {}), RCODE.refused)
  })
})
