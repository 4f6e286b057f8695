import assert from 'node:assert/strict'
import { afterEach, before, beforeEach, describe, it } from 'node:test'
import * as packet from 'dns-packet'
import type { DnsLimits } from './limits.ts'
import type { DnsResolver } from './resolve.ts'
import { createResolver } from './resolver.http.ts'
import {
  type Certificate,
  createCertificate,
  type FakeUpstream,
  type Mode,
  startFakeUpstream,
  zone,
} from './test-upstream.ts'

const FAST: Partial<DnsLimits> = { tryMs: 1_000, totalMs: 2_500, hedgeMs: 100, staleAnswerMs: 150 }

function answering(address: string) {
  return zone(({ name }) =>
    name.startsWith('servfail') ? { flags: 2 } : { answers: [{ type: 'A', name, ttl: 1, data: address }] },
  )
}

function query(name: string): Buffer {
  return packet.encode({ type: 'query', flags: packet.RECURSION_DESIRED, questions: [{ type: 'A', name }] })
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let left = 400; !isTrue(); left--) {
    assert.ok(left > 0, 'it became true in time')
    await new Promise(done => setTimeout(done, 5))
  }
}

describe('DoH upstreams', () => {
  let certificate: Certificate
  let stranger: Certificate
  let first: FakeUpstream
  let second: FakeUpstream
  let stack: AsyncDisposableStack
  let nowMs = 0
  let serial = 0

  before(async () => {
    certificate = await createCertificate()
    stranger = await createCertificate()
  })
  beforeEach(async () => {
    nowMs = 1_000_000
    stack = new AsyncDisposableStack()
    first = stack.use(await startFakeUpstream(certificate, answering('192.0.2.1')))
    second = stack.use(await startFakeUpstream(certificate, answering('192.0.2.2')))
  })
  afterEach(() => stack.disposeAsync())

  function resolverOf(
    ports: readonly number[],
    limits: Partial<DnsLimits> = {},
    host = 'doh.test',
  ): DnsResolver {
    return stack.use(
      createResolver({
        upstreams: ports.map(port => ({
          url: `https://${host}:${port}/dns-query`,
          addresses: ['127.0.0.1'],
        })),
        clusterDomain: 'api.fluxgate.local',
        nodes: () => [],
        limits: { ...FAST, ...limits },
        authorities: certificate.cert,
        now: () => nowMs,
      }),
    )
  }

  /** The first address of the answer, or its response code; each call asks for a new name unless it is given. */
  async function ask(resolver: DnsResolver, name = `n${serial++}.test`): Promise<string | number> {
    const reply = await resolver.resolve(query(name))
    assert.ok('message' in reply)
    const answer = packet.decode(reply.message).answers?.[0]
    return answer?.type === 'A' ? answer.data : reply.message.readUInt16BE(2) & 15
  }

  it('asks in order, over HTTP/2 on few connections, and the second only when needed', async () => {
    const resolver = resolverOf([first.port, second.port], { hedgeMs: 3_000, tryMs: 5_000, totalMs: 6_000 })
    const all = await Promise.all(Array.from({ length: 300 }, () => ask(resolver)))
    assert.deepEqual(new Set(all), new Set(['192.0.2.1']))
    assert.equal(second.queries.length, 0)
    assert.deepEqual(new Set(first.protocols), new Set(['h2']))
    assert.ok(first.connections <= 4, `${first.connections} connections`)
  })

  const failures: Mode[] = [
    'http-500',
    'redirect',
    'wrong-type',
    'wrong-id',
    'wrong-question',
    'not-a-response',
    'cut-short',
    'trailing',
    'oversized',
    'no-body',
    'reset',
    'goaway',
  ]
  for (const mode of failures) {
    it(`passes to the next at once: ${mode}`, async () => {
      const resolver = resolverOf([first.port, second.port], { hedgeMs: 5_000, tryMs: 5_000, totalMs: 6_000 })
      first.mode = mode
      const startedMs = performance.now()
      assert.equal(await ask(resolver), '192.0.2.2')
      assert.ok(performance.now() - startedMs < 4_000)
      assert.equal(resolver.stats().upstreams[0]?.failed, 1)
    })
  }

  it('passes to the next when no server listens, and when the certificate has another name', async () => {
    const gone = await startFakeUpstream(certificate, answering('192.0.2.9'))
    await gone[Symbol.asyncDispose]()
    assert.equal(await ask(resolverOf([gone.port, second.port])), '192.0.2.2')
    const impostor = stack.use(await startFakeUpstream(stranger, answering('192.0.2.66')))
    assert.equal(await ask(resolverOf([impostor.port, second.port])), '192.0.2.2')
    assert.equal(impostor.queries.length, 0)
    assert.equal(
      await ask(resolverOf([first.port], {}, 'other.test')),
      2,
      'the name in the URL must be in it',
    )
  })

  it('hedges after a silence, and a lasting silence opens the circuit', async () => {
    const resolver = resolverOf([first.port, second.port])
    first.mode = 'silent'
    for (let i = 0; i < 5; i++) {
      const startedMs = performance.now()
      assert.equal(await ask(resolver), '192.0.2.2')
      const tookMs = performance.now() - startedMs
      assert.ok(tookMs >= 90 && tookMs < 5_000, `${tookMs} ms`)
    }
    await until(() => resolver.stats().upstreams[0]?.isOpen === true)
    const asked = first.queries.length
    assert.equal(await ask(resolver), '192.0.2.2')
    assert.equal(first.queries.length, asked, 'not asked, so not waited for, once the circuit is open')
    first.mode = 'answer'
    nowMs += 30_000
    assert.equal(await ask(resolver), '192.0.2.1', 'half open: asked first again')
    assert.equal(resolver.stats().upstreams[0]?.isOpen, false)
  })

  it('a slow upstream that answers after another is not counted as failed', async () => {
    const resolver = resolverOf([first.port, second.port], { tryMs: 5_000 })
    first.delayMs = 150
    const slow = Array.from({ length: 20 }, () => ask(resolver))
    await Promise.all(slow)
    await until(() => resolver.stats().upstreams[0]?.answered === 20)
    assert.equal(resolver.stats().upstreams[0]?.failed, 0)
  })

  it('SERVFAIL asks the next one, is an answer when all say so, and opens no circuit', async () => {
    const resolver = resolverOf([first.port, second.port])
    for (let i = 0; i < 6; i++) assert.equal(await ask(resolver, `servfail${i}.test`), 2)
    assert.equal(second.queries.length, 6)
    assert.ok(resolver.stats().upstreams.every(upstream => !upstream.isOpen && upstream.failed === 0))
  })

  it('ends in SERVFAIL within the total time when all are silent', async () => {
    const resolver = resolverOf([first.port, second.port])
    first.mode = 'silent'
    second.mode = 'silent'
    const startedMs = performance.now()
    assert.equal(await ask(resolver), 2)
    assert.ok(performance.now() - startedMs < 2_600)
    assert.equal(resolver.stats().failed, 1)
  })

  it('with every circuit open one upstream is tried each second, so recovery is quick', async () => {
    const resolver = resolverOf([first.port, second.port])
    first.mode = 'http-500'
    second.mode = 'http-500'
    for (let i = 0; i < 6; i++) await ask(resolver)
    assert.ok(resolver.stats().upstreams.every(upstream => upstream.isOpen))
    const asked = first.queries.length + second.queries.length
    for (let i = 0; i < 10; i++) assert.equal(await ask(resolver), 2)
    assert.ok(first.queries.length + second.queries.length <= asked + 2)
    first.mode = 'answer'
    second.mode = 'answer'
    nowMs += 1_000
    assert.match(String(await ask(resolver)), /^192\.0\.2\./)
  })

  it('serves the expired answer when the refresh is slow, and takes the fresh one when it comes', async () => {
    const resolver = resolverOf([first.port], { tryMs: 2_000 })
    assert.equal(await ask(resolver, 'stale.test'), '192.0.2.1')
    nowMs += 1_000
    first.respond = answering('192.0.2.7')
    first.delayMs = 1_000
    const startedMs = performance.now()
    assert.equal(await ask(resolver, 'stale.test'), '192.0.2.1')
    assert.ok(performance.now() - startedMs < 900)
    assert.equal(resolver.stats().stale, 1)
    await until(() => resolver.stats().waiting === 0)
    assert.equal(await ask(resolver, 'stale.test'), '192.0.2.7')
  })

  it('bounds the queries that wait: more are SERVFAIL at once; an aborted waiter leaves the others waiting', async () => {
    const resolver = resolverOf([first.port], { upstreamQueries: 2 })
    first.delayMs = 200
    const patient = [ask(resolver, 'one.test'), ask(resolver, 'two.test'), ask(resolver, 'two.test')]
    assert.equal(await ask(resolver, 'three.test'), 2)
    const stop = new AbortController()
    const left = resolver.resolve(query('one.test'), { signal: stop.signal })
    stop.abort(new Error('left'))
    await assert.rejects(left, /left/)
    assert.deepEqual(await Promise.all(patient), ['192.0.2.1', '192.0.2.1', '192.0.2.1'])
    const { overloaded, coalesced, forwarded } = resolver.stats()
    assert.deepEqual({ overloaded, coalesced, forwarded }, { overloaded: 1, coalesced: 2, forwarded: 2 })
  })

  it('repeats a query once when a reused connection turns out to be closed', async () => {
    const resolver = resolverOf([first.port])
    await ask(resolver)
    first.mode = 'goaway-once'
    assert.equal(await ask(resolver), '192.0.2.1')
    assert.equal(first.queries.length, 3)
  })

  it('disposing ends what waits', async () => {
    first.mode = 'silent'
    const resolver = resolverOf([first.port], { tryMs: 20_000, totalMs: 20_000 })
    const waiting = ask(resolver)
    await until(() => first.queries.length === 1)
    await resolver[Symbol.asyncDispose]()
    assert.equal(await waiting, 2)
  })

  it('without upstreams everything but the overrides is REFUSED', async () => {
    assert.equal(await ask(resolverOf([])), 5)
  })
})
