import assert from 'node:assert/strict'
import { afterEach, before, beforeEach, describe, it } from 'node:test'
import type { DnsResolver } from './resolve.ts'
import { createResolver } from './resolver.http.ts'
import { ask, DENIAL, extendedErrors, opt, optionsOf, query, ttls } from './test-messages.ts'
import {
  type Certificate,
  createCertificate,
  type FakeUpstream,
  startFakeUpstream,
  zone,
} from './test-upstream.ts'

const RECORDS = zone(({ name, type }) => {
  if (name.endsWith('absent.test')) return { flags: 3, authorities: DENIAL }
  if (name === 'broken.test') return { flags: 2 }
  if (type !== 'A') return { authorities: DENIAL }
  const ttl = name === 'huge.test' ? 0x90_00_00_00 : 300
  return { answers: [{ type: 'A', name, ttl, data: '192.0.2.1' }] }
})

describe('DNS-over-HTTPS conformance: cache and failures', () => {
  let certificate: Certificate
  let upstream: FakeUpstream
  let resolver: DnsResolver
  let stack: AsyncDisposableStack
  let nowMs = 0

  before(async () => {
    certificate = await createCertificate()
  })
  beforeEach(async () => {
    nowMs = 1_000_000
    stack = new AsyncDisposableStack()
    upstream = stack.use(await startFakeUpstream(certificate, RECORDS))
    resolver = stack.use(
      createResolver({
        upstreams: [{ url: `https://doh.test:${upstream.port}/dns-query`, addresses: ['127.0.0.1'] }],
        clusterDomain: 'api.fluxgate.local',
        nodes: () => [{ address: '10.0.0.1' }, { address: '10.0.0.2' }, { address: 'fd00::1' }],
        authorities: certificate.cert,
        now: () => nowMs,
      }),
    )
  })
  afterEach(() => stack.disposeAsync())

  it('D16: denials carry the SOA with the smaller TTL; NXDOMAIN holds for every type, NODATA for one', async () => {
    const absent = await ask(resolver, query('absent.test'))
    assert.equal(absent.code, 3)
    assert.equal(absent.authorities?.[0]?.type === 'SOA' && absent.authorities[0].ttl, 60)
    assert.equal((await ask(resolver, query('absent.test', 'MX'))).code, 3)
    assert.equal(upstream.queries.length, 1)
    for (const type of ['MX', 'MX', 'TXT'] as const)
      assert.equal((await ask(resolver, query('a.test', type))).code, 0)
    assert.equal(upstream.queries.length, 3)
    nowMs += 60_000
    await ask(resolver, query('absent.test'))
    assert.equal(upstream.queries.length, 4)
    // RFC 9520: a failure is remembered too, but for HTTP it is never fresh.
    for (const _ of [1, 2]) assert.deepEqual([(await ask(resolver, query('broken.test'))).code], [2])
    assert.equal(upstream.queries.length, 5)
    nowMs += 1_000
    await ask(resolver, query('broken.test'))
    assert.equal(upstream.queries.length, 6)
    nowMs += 1_000
    await ask(resolver, query('broken.test'))
    assert.equal(upstream.queries.length, 6)
  })

  it('D21: TTLs fall with age, HTTP Age is taken off, and the largest TTL is 2^31 - 1', async () => {
    const first = await ask(resolver, query('a.test'))
    nowMs += 100_500
    const second = await ask(resolver, query('a.test'))
    assert.deepEqual(ttls(first), [300])
    assert.deepEqual([ttls(second), second.maxAgeSeconds], [[200], 200])
    nowMs += 200_000
    assert.deepEqual(ttls(await ask(resolver, query('a.test'))), [300])
    assert.equal(upstream.queries.length, 2)
    assert.deepEqual(ttls(await ask(resolver, query('huge.test'))), [2 ** 31 - 1])
    upstream.ageSeconds = 250
    const aged = await ask(resolver, query('aged.test'))
    assert.deepEqual([ttls(aged), aged.maxAgeSeconds], [[50], 50])
    upstream.ageSeconds = 400
    assert.deepEqual(ttls(await ask(resolver, query('old.test'))), [0])
  })

  it('D22: answers are equal for all clients, and shared between them', async () => {
    const [one, two] = await Promise.all([
      ask(resolver, query('shared.test')),
      ask(resolver, query('shared.test')),
    ])
    assert.deepEqual(one.message, two.message)
    assert.equal(upstream.queries.length, 1)
    assert.equal(resolver.stats().coalesced, 1)
  })

  it('D23: an expired answer with TTL 30 only while the upstreams fail, for a day', async () => {
    await ask(resolver, query('a.test', 'A', [opt()]))
    nowMs += 300_000
    upstream.mode = 'http-500'
    const stale = await ask(resolver, query('a.test', 'A', [opt()]))
    assert.deepEqual([stale.code, ttls(stale), stale.maxAgeSeconds], [0, [30], 30])
    assert.deepEqual(extendedErrors(stale.message), [3])
    const asked = upstream.queries.length
    await ask(resolver, query('a.test', 'A', [opt()]))
    assert.equal(upstream.queries.length, asked, 'not asked again at once')
    upstream.mode = 'answer'
    nowMs += 30_000
    assert.deepEqual(ttls(await ask(resolver, query('a.test', 'A', [opt()]))), [300])
    nowMs += 300_000 + 86_400_000
    upstream.mode = 'http-500'
    assert.equal((await ask(resolver, query('a.test', 'A', [opt()]))).code, 2)
  })

  it('D24: Extended DNS Errors say why: stale NXDOMAIN, nothing reachable, nothing sound', async () => {
    await ask(resolver, query('absent.test', 'A', [opt()]))
    nowMs += 60_000
    upstream.mode = 'http-500'
    const stale = await ask(resolver, query('absent.test', 'A', [opt()]))
    assert.deepEqual([stale.code, extendedErrors(stale.message)], [3, [19]])
    const unsound = await ask(resolver, query('a.test', 'A', [opt()]))
    assert.deepEqual([unsound.code, extendedErrors(unsound.message), unsound.maxAgeSeconds], [2, [23], 0])
    upstream.mode = 'goaway'
    assert.deepEqual(extendedErrors((await ask(resolver, query('b.test', 'A', [opt()]))).message), [22])
    assert.equal(optionsOf((await ask(resolver, query('b.test'))).message), undefined)
  })
})
