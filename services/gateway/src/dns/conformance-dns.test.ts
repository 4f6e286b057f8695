import assert from 'node:assert/strict'
import { afterEach, before, beforeEach, describe, it } from 'node:test'
import * as packet from 'dns-packet'
import type { DnsResolver } from './resolve.ts'
import { createResolver } from './resolver.http.ts'
import { ask, opt, option, optionsOf, query } from './test-messages.ts'
import {
  type Certificate,
  createCertificate,
  type FakeUpstream,
  startFakeUpstream,
  zone,
} from './test-upstream.ts'

const RECORDS = zone(({ name, type }, { flag_cd }) => {
  if (type !== 'A') return {}
  const flags = packet.AUTHENTIC_DATA | (flag_cd ? packet.CHECKING_DISABLED : 0)
  return { flags, answers: [{ type: 'A', name, ttl: 300, data: '192.0.2.1' }] }
})

describe('DNS-over-HTTPS conformance: DNS', () => {
  let certificate: Certificate
  let upstream: FakeUpstream
  let resolver: DnsResolver
  let stack: AsyncDisposableStack

  before(async () => {
    certificate = await createCertificate()
  })
  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    upstream = stack.use(await startFakeUpstream(certificate, RECORDS))
    resolver = stack.use(
      createResolver({
        upstreams: [{ url: `https://doh.test:${upstream.port}/dns-query`, addresses: ['127.0.0.1'] }],
        clusterDomain: 'api.fluxgate.local',
        nodes: () => [{ address: '10.0.0.1' }, { address: '10.0.0.2' }, { address: 'fd00::1' }],
        authorities: certificate.cert,
      }),
    )
  })
  afterEach(() => stack.disposeAsync())

  it('D15: more than one question is FORMERR, none is FORMERR too, another opcode is NOTIMP', async () => {
    const question: packet.Question = { type: 'A', name: 'a.test' }
    const two = packet.encode({ type: 'query', id: 7, questions: [question, question] })
    const reply = await ask(resolver, two)
    assert.deepEqual([reply.code, reply.id, reply.questions?.length], [1, 7, 0])
    assert.equal((await ask(resolver, query('a.test').fill(0, 4, 6).subarray(0, 12))).code, 1)
    const notify = query('a.test', 'SOA')
    notify[2] = 4 << 3
    assert.equal((await ask(resolver, notify)).code, 4)
    assert.equal(upstream.queries.length, 0)
  })

  it('D17: one OPT for an OPT, none for none; BADVERS, unknown options pass, two OPT are FORMERR', async () => {
    assert.equal(optionsOf((await ask(resolver, query('a.test'))).message), undefined)
    assert.deepEqual(optionsOf((await ask(resolver, query('a.test', 'A', [opt()]))).message), [])
    const future = await ask(resolver, query('a.test', 'A', [opt({ version: 1 })]))
    const answered = future.additionals?.[0]
    assert.equal(future.code, 0)
    assert.equal(answered?.type === 'OPT' && answered.extendedRcode, 1)
    assert.equal((await ask(resolver, query('a.test', 'A', [opt(), opt()]))).code, 1)
    assert.equal(
      (await ask(resolver, query('a.test', 'A', [opt({ options: Buffer.from([0, 3, 0, 9]) })]))).code,
      1,
    )
    const unknown = option(65_001, Buffer.from('kept'))
    assert.equal((await ask(resolver, query('b.test', 'A', [opt({ options: unknown })]))).code, 0)
    assert.ok(upstream.queries.at(-1)?.includes(unknown))
    upstream.respond = asked => {
      const bytes = Buffer.concat([RECORDS(asked).subarray(0, -11), opt({ options: unknown })])
      return bytes
    }
    const retained = optionsOf((await ask(resolver, query('c.test', 'A', [opt()]))).message)
    assert.deepEqual(
      retained?.map(({ code, data }) => [code, data.toString()]),
      [[65_001, 'kept']],
    )
  })

  it('D18: padding only for padding, to 468 bytes; client subnet, cookie and padding stay on their hop', async () => {
    const hop = [
      option(8, Buffer.from([0, 1, 24, 0, 192, 0, 2])),
      option(10, Buffer.alloc(8)),
      option(12, Buffer.alloc(9)),
    ]
    const padded = await ask(resolver, query('a.test', 'A', [opt({ options: Buffer.concat(hop) })]))
    assert.equal(padded.message.length, 468)
    const sent = packet.decode(upstream.queries[0] ?? Buffer.alloc(0)).additionals?.[0]
    assert.deepEqual(sent?.type === 'OPT' && sent.options.map(({ code }) => code), [12])
    assert.equal(upstream.queries[0]?.length, 128)
    assert.ok((await ask(resolver, query('a.test', 'A', [opt()]))).message.length < 100)
    assert.ok((await ask(resolver, query('a.test'))).message.length < 100)
    assert.equal(upstream.queries.length, 2)
    assert.ok((upstream.queries[1]?.length ?? 0) < 60)
  })

  it('D19: DO, AD and CD pass through; our own names are never AD', async () => {
    const flags = packet.RECURSION_DESIRED | packet.AUTHENTIC_DATA | packet.CHECKING_DISABLED
    const reply = await ask(resolver, query('a.test', 'A', [opt({ dnssec: true })], flags))
    const sent = packet.decode(upstream.queries[0] ?? Buffer.alloc(0))
    const sentOpt = sent.additionals?.[0]
    assert.deepEqual(
      [sent.flag_ad, sent.flag_cd, sentOpt?.type === 'OPT' && sentOpt.flag_do],
      [true, true, true],
    )
    assert.deepEqual([reply.flag_ad, reply.flag_cd], [true, true])
    await ask(resolver, query('a.test'))
    assert.equal(packet.decode(upstream.queries[1] ?? Buffer.alloc(0)).flag_cd, false)
    const own = await ask(resolver, query('api.fluxgate.local', 'A', [opt({ dnssec: true })], flags))
    assert.deepEqual([own.flag_ad, own.flag_aa, own.answers?.length], [false, true, 2])
  })

  it('D20: ANY gets a minimal HINFO, transfers are refused, and no upstream sees either', async () => {
    const any = query('a.test')
    any.writeUInt16BE(255, any.length - 4)
    const [answer] = (await ask(resolver, any)).answers ?? []
    assert.equal(answer?.type === 'HINFO' && answer.data.cpu, 'RFC8482')
    for (const type of ['AXFR', 'IXFR'] as const)
      assert.equal((await ask(resolver, query('a.test', type))).code, 5)
    assert.equal(upstream.queries.length, 0)
  })

  it('D25: names match in any case and are echoed in their own; bad names are no DNS messages', async () => {
    await ask(resolver, query('mixed.test'))
    const mixed = await ask(resolver, query('MiXeD.TeSt'))
    assert.equal(upstream.queries.length, 1)
    assert.deepEqual([mixed.questions?.[0]?.name, mixed.answers?.length], ['MiXeD.TeSt', 1])
    assert.equal((await ask(resolver, query('API.FluxGate.local'))).answers?.[0]?.name, 'API.FluxGate.local')
    const pointer = (...bytes: number[]) =>
      Buffer.concat([query('').subarray(0, 12), Buffer.from(bytes), Buffer.from([0, 1, 0, 1])])
    const label = (length: number) => [length, ...Array<number>(length).fill(0x61)]
    const long = [...label(63), ...label(63), ...label(63)]
    const bad = [
      [0xc0, 12],
      [1, 0x61, 0xc0, 12],
      [0xc0, 0],
      [0x41, 0x61],
      [...label(64), 0],
      [...long, ...label(62), 0],
    ]
    for (const bytes of bad) assert.ok('fault' in (await resolver.resolve(pointer(...bytes))), String(bytes))
    assert.ok(
      'message' in (await resolver.resolve(pointer(...long, ...label(61), 0))),
      '255 bytes are allowed',
    )
  })
})
