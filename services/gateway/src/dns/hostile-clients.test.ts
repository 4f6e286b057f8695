import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import { after, before, describe, it } from 'node:test'
import * as packet from 'dns-packet'
import { registerDnsQuery } from './dns-query.http.ts'
import { createResolver } from './resolver.http.ts'
import { createTestClient, createTestServer } from './test-server.ts'
import {
  type Certificate,
  createCertificate,
  type FakeUpstream,
  startFakeUpstream,
  zone,
} from './test-upstream.ts'

const CASES = 10_000
const AT_ONCE = 50
const RECORDS = zone(({ name }) => ({ answers: [{ type: 'A', name, ttl: 60, data: '192.0.2.1' }] }))

describe('hostile DNS-over-HTTPS clients', () => {
  const stack = new AsyncDisposableStack()
  let certificate: Certificate
  let upstream: FakeUpstream
  let port = 0

  before(async () => {
    certificate = await createCertificate()
    // What decodes for us need not decode for the fake: it is silent then.
    upstream = stack.use(
      await startFakeUpstream(certificate, query => {
        try {
          return RECORDS(query)
        } catch {
          return undefined
        }
      }),
    )
    const resolver = stack.use(
      createResolver({
        upstreams: [{ url: `https://doh.test:${upstream.port}/dns-query`, addresses: ['127.0.0.1'] }],
        clusterDomain: 'api.fluxgate.local',
        nodes: () => [{ address: '10.0.0.1' }],
        limits: { tryMs: 100, totalMs: 200 },
        authorities: certificate.cert,
      }),
    )
    const app = createTestServer(certificate)
    stack.defer(() => app.close())
    registerDnsQuery(app, resolver)
    port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  })
  after(() => stack.disposeAsync())

  it(`${CASES} damaged messages by GET and POST: 200 or 400, never 5xx`, async () => {
    const client = stack.use(createTestClient(port, certificate))
    const names = ['a.test', 'api.fluxgate.local', 'b.example.test']
    const statuses = new Map<number, number>()
    let state = 1
    const random = (below: number) => {
      state = Math.imul(state, 1_103_515_245) + 12_345
      return ((state >>> 8) & 0x7f_ff_ff) % below
    }
    const damaged = () => {
      const type = (['A', 'AAAA', 'TXT'] as const)[random(3)] ?? 'A'
      const bytes = packet.encode({
        type: 'query',
        questions: [{ type, name: names[random(3)] ?? 'a.test' }],
      })
      for (let left = random(3); left >= 0; left--) bytes[random(bytes.length)] = random(256)
      return random(5) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes
    }
    const one = async (index: number) => {
      const query = damaged()
      const { status, body } = await (index % 2 === 0 ? client.get(query) : client.post(query))
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status === 200) assert.ok(body.length >= 12)
    }
    for (let i = 0; i < CASES; i += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => one(i + index)))
    }
    assert.deepEqual([...statuses.keys()].sort(), [200, 400])
    assert.ok(Math.min(...statuses.values()) > CASES / 20, JSON.stringify([...statuses]))
  })

  it('clients that leave at any moment leave others unharmed', async () => {
    const query = packet.encode({ type: 'query', questions: [{ type: 'A', name: 'left.test' }] })
    for (let round = 0; round < 20; round++) {
      const session = connect(`https://localhost:${port}`, { ca: certificate.cert })
      session.on('error', () => {})
      const streams = Array.from({ length: 50 }, (_, index) => {
        const headers = {
          ':path': '/dns-query',
          ':method': 'POST',
          'content-type': 'application/dns-message',
        }
        const stream = session.request(headers)
        stream.on('error', () => {}).resume()
        if (index % 3 === 0) stream.write(query.subarray(0, 5))
        else stream.end(query)
        return stream
      })
      await new Promise(done => setTimeout(done, round))
      for (const stream of streams) stream.close(8)
      if (round % 2 === 0) session.destroy()
      else session.close()
    }
    const client = stack.use(createTestClient(port, certificate))
    assert.equal((await client.get(query)).status, 200)
  })
})
