import assert from 'node:assert/strict'
import { request as httpsRequest } from 'node:https'
import { after, before, describe, it } from 'node:test'
import * as packet from 'dns-packet'
import { fastify } from 'fastify'
import { registerDnsQuery } from './dns-query.http.ts'
import type { DnsResolver } from './resolve.ts'
import { createResolver } from './resolver.http.ts'
import { DENIAL, opt, query, rcode, SOA } from './test-messages.ts'
import { createTestClient, createTestServer, type TestClient } from './test-server.ts'
import {
  type Certificate,
  createCertificate,
  type FakeUpstream,
  startFakeUpstream,
  zone,
} from './test-upstream.ts'

const RECORDS = zone(({ name, type }) => {
  if (name === 'absent.test') return { flags: 3, authorities: DENIAL }
  if (name === 'broken.test') return { flags: 2 }
  if (name === 'bare.test') return {}
  if (name === 'long.test')
    return { answers: [{ type: 'TXT', name, ttl: 60, data: Array(8).fill('x'.repeat(250)) }] }
  if (type !== 'A') return { authorities: [{ type: 'SOA', name: 'test', ttl: 20, data: SOA }] }
  return {
    answers: [
      { type: 'A', name, ttl: 900, data: '192.0.2.1' },
      { type: 'A', name, ttl: 120, data: '192.0.2.2' },
    ],
  }
})

describe('DNS-over-HTTPS conformance: HTTP', () => {
  const stack = new AsyncDisposableStack()
  let certificate: Certificate
  let upstream: FakeUpstream
  let resolver: DnsResolver
  let server: TestClient
  let port = 0

  before(async () => {
    certificate = await createCertificate()
    upstream = stack.use(await startFakeUpstream(certificate, RECORDS))
    resolver = stack.use(
      createResolver({
        upstreams: [{ url: `https://doh.test:${upstream.port}/dns-query`, addresses: ['127.0.0.1'] }],
        clusterDomain: 'api.fluxgate.local',
        nodes: () => [{ address: '10.0.0.1' }, { address: '10.0.0.2' }, { address: 'fd00::1' }],
        authorities: certificate.cert,
      }),
    )
    const app = createTestServer(certificate)
    registerDnsQuery(app, resolver)
    app.post('/other', async request => ({ type: typeof request.body }))
    stack.defer(() => app.close())
    port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
    server = stack.use(createTestClient(port, certificate))
  })
  after(() => stack[Symbol.asyncDispose]())

  it('D1: GET and POST both answer, and HEAD answers without a body', async () => {
    const [get, post] = [await server.get(query('a.test')), await server.post(query('a.test'))]
    assert.deepEqual([get.status, post.status], [200, 200])
    assert.equal(packet.decode(get.body).answers?.length, 2)
    assert.deepEqual(get.body, post.body)
    const path = `/dns-query?dns=${query('a.test').toString('base64url')}`
    const head = await server.request({ ':method': 'HEAD', ':path': path })
    assert.deepEqual([head.status, head.body.length], [200, 0])
    assert.equal(head.headers['content-type'], 'application/dns-message')
  })

  it('D2: the GET parameter is base64url without padding, of every length', async () => {
    const residues = new Set<number>()
    for (const name of ['a.test', 'ab.test', 'abc.test']) {
      residues.add(query(name).length % 3)
      const reply = await server.get(query(name))
      assert.deepEqual([reply.status, rcode(reply.body)], [200, 0])
    }
    assert.equal(residues.size, 3)
    const standard = query('a.test').toString('base64url')
    for (const bad of [
      `${standard}=`,
      `${standard}==`,
      `${standard}%3D`,
      `+${standard}`,
      `${standard}/`,
      `${standard}%2B`,
    ]) {
      const reply = await server.request({ ':path': `/dns-query?dns=${bad}` })
      assert.equal(reply.status, 400, bad)
    }
  })

  it('D3: application/dns-message both ways, without a charset', async () => {
    const reply = await server.post(query('a.test'))
    assert.equal(reply.headers['content-type'], 'application/dns-message')
    const parametered = { ':method': 'POST', 'content-type': 'Application/DNS-Message; x=y' }
    assert.equal((await server.request(parametered, query('a.test'))).status, 200)
  })

  it('D4: nothing is answered without TLS outside the mode that says so', async () => {
    const url = `/dns-query?dns=${query('api.fluxgate.local').toString('base64url')}`
    for (const [allowPlaintext, status] of [
      [false, 421],
      [true, 200],
    ] as const) {
      const app = fastify()
      registerDnsQuery(app, resolver, { allowPlaintext })
      const reply = await app.inject({ url })
      assert.equal(reply.statusCode, status)
      await app.close()
    }
  })

  it('D5: max-age is the smallest TTL of the answers', async () => {
    const reply = await server.get(query('fresh.test'))
    assert.equal(reply.headers['cache-control'], 'max-age=120')
    assert.equal((await server.get(query('api.fluxgate.local'))).headers['cache-control'], 'max-age=30')
  })

  it('D6: without an answer max-age is at most the SOA MINIMUM, and its TTL if that is smaller', async () => {
    assert.equal((await server.get(query('absent.test'))).headers['cache-control'], 'max-age=60')
    assert.equal((await server.get(query('nodata.test', 'MX'))).headers['cache-control'], 'max-age=20')
  })

  it('D7: without answer and SOA, and for SERVFAIL, max-age is 0', async () => {
    assert.equal((await server.get(query('bare.test'))).headers['cache-control'], 'max-age=0')
    assert.equal((await server.get(query('broken.test'))).headers['cache-control'], 'max-age=0')
  })

  it('D8: the EDNS payload size neither trims nor truncates', async () => {
    // opt() offers 512 bytes.
    const asked = query('long.test', 'TXT', [opt()])
    const reply = packet.decode((await server.post(asked)).body)
    assert.equal(reply.flag_tc, false)
    assert.equal(reply.answers?.[0]?.type === 'TXT' && reply.answers[0].data.length, 8)
  })

  it('D9: every DNS response has HTTP 200, and no other status carries one', async () => {
    const refused = query('a.test', 'AXFR')
    for (const [asked, code] of [
      [query('absent.test'), 3],
      [query('broken.test'), 2],
      [refused, 5],
    ] as const) {
      const reply = await server.post(asked)
      assert.deepEqual([reply.status, rcode(reply.body)], [200, code])
    }
    const bad = await server.post(Buffer.from('not dns'))
    assert.equal(bad.status, 400)
    assert.match(String(bad.headers['content-type']), /^text\/plain/)
    assert.equal(bad.headers['cache-control'], 'no-store')
  })

  it('D10: 415 for another media type, 406 where Accept excludes ours', async () => {
    for (const type of ['application/json', 'text/plain', 'application/dns-json', undefined]) {
      const headers = { ':method': 'POST', ...(type && { 'content-type': type }) }
      assert.equal((await server.request(headers, query('a.test'))).status, 415, type)
    }
    const path = `/dns-query?dns=${query('a.test').toString('base64url')}`
    const accepted = [
      '*/*',
      'application/*',
      'application/dns-message',
      'text/html, */*;q=0.1',
      'application/dns-message;q=1, */*;q=0',
    ]
    const excluded = ['text/html', 'application/dns-json', 'application/dns-message;q=0, */*', '*/*;q=0']
    for (const accept of accepted)
      assert.equal((await server.request({ ':path': path, accept })).status, 200, accept)
    for (const accept of excluded)
      assert.equal((await server.request({ ':path': path, accept })).status, 406, accept)
    const zipped = {
      ':method': 'POST',
      'content-type': 'application/dns-message',
      'content-encoding': 'gzip',
    }
    assert.equal((await server.request(zipped, query('a.test'))).status, 415)
  })

  it('D11: HTTP/2 and HTTP/1.1 are both served', async () => {
    assert.equal((await server.get(query('a.test'))).status, 200)
    const version = await new Promise<string>((resolve, reject) => {
      const path = `/dns-query?dns=${query('a.test').toString('base64url')}`
      httpsRequest({ host: 'localhost', port, path, ca: certificate.cert, agent: false }, reply => {
        reply.resume().on('end', () => resolve(`${reply.httpVersion} ${reply.statusCode}`))
      })
        .on('error', reject)
        .end()
    })
    assert.equal(version, '1.1 200')
  })

  it('D12: 405 with Allow for other methods, whatever body they bring', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const reply = await server.request(
        { ':method': method, 'content-type': 'application/json' },
        Buffer.from('{}'),
      )
      assert.deepEqual([reply.status, reply.headers.allow], [405, 'GET, HEAD, POST'], method)
    }
    assert.equal((await server.request({ ':path': '/dns-query/more' })).status, 404)
  })

  it('D13: 413, 414 and 400 for what is too long or no DNS message', async () => {
    const dnsPost = { ':method': 'POST', 'content-type': 'application/dns-message' }
    assert.equal((await server.request(dnsPost, Buffer.alloc(70_000))).status, 413)
    assert.equal((await server.request(dnsPost, Buffer.alloc(4_097))).status, 413)
    assert.equal((await server.request({ ':path': `/dns-query?dns=${'A'.repeat(6_000)}` })).status, 414)
    const bad = [
      '/dns-query',
      '/dns-query?dns=',
      '/dns-query?dns=AAAA&dns=AAAA',
      '/dns-query?dns=A',
      '/dns-query?DNS=AAAA',
    ]
    for (const path of bad) assert.equal((await server.request({ ':path': path })).status, 400, path)
    const junk = Buffer.concat([query('a.test'), Buffer.from('x')])
    const response = packet.encode({ type: 'response', questions: [{ type: 'A', name: 'a.test' }] })
    for (const body of [Buffer.alloc(0), Buffer.alloc(11), junk, query('a.test').subarray(0, -1), response]) {
      assert.equal((await server.post(body)).status, 400)
    }
    assert.equal((await server.request({ ':method': 'POST' }, Buffer.alloc(0))).status, 415)
  })

  it('D14: the ID is echoed; 0 goes upstream, and the cache does not look at it', async () => {
    upstream.queries.length = 0
    for (const id of [0, 1, 0xffff]) {
      const asked = query('id.test')
      asked.writeUInt16BE(id, 0)
      const reply = await server.post(asked)
      assert.equal(reply.body.readUInt16BE(0), id)
    }
    assert.equal(upstream.queries.length, 1)
    assert.equal(upstream.queries[0]?.readUInt16BE(0), 0)
  })

  it('keeps its parser to itself: other routes still read JSON and refuse DNS bodies', async () => {
    const headers = { ':method': 'POST', ':path': '/other' }
    const json = await server.request({ ...headers, 'content-type': 'application/json' }, Buffer.from('{}'))
    assert.deepEqual([json.status, json.body.toString()], [200, '{"type":"object"}'])
    const dns = await server.request(
      { ...headers, 'content-type': 'application/dns-message' },
      query('a.test'),
    )
    assert.equal(dns.status, 415)
  })
})
