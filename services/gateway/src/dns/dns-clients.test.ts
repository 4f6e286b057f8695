import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { registerDnsQuery } from './dns-query.http.ts'
import { createResolver } from './resolver.http.ts'
import { createTestServer } from './test-server.ts'
import { createCertificate, startFakeUpstream, zone } from './test-upstream.ts'

const run = promisify(execFile)

async function lacks(tool: string, feature: string, ...versionArguments: string[]): Promise<string | false> {
  try {
    const { stdout, stderr } = await run(tool, versionArguments)
    return `${stdout}${stderr}`.includes(feature) ? false : `${tool} is here, but without ${feature}`
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    return code === 'ENOENT' ? `${tool} is not installed` : false
  }
}

const noDig = await lacks('dig', '+[no]https', '-h')
const noKdig = await lacks('kdig', '+[no]https', '-h')
const noCurl = await lacks('curl', '--doh-url', '--help', 'all')

const SOA = { mname: 'ns.test', rname: 'admin.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 }

const RECORDS = zone(({ name, type }) => {
  if (name === 'absent.test')
    return { flags: 3, authorities: [{ type: 'SOA', name: 'test', ttl: 3_600, data: SOA }] }
  if (name === 'broken.test') return { flags: 2 }
  if (name === 'long.test')
    return { answers: [{ type: 'TXT', name, ttl: 60, data: Array(9).fill('y'.repeat(250)) }] }
  if (type !== 'A') return {}
  return { answers: [{ type: 'A', name, ttl: 300, data: '127.0.0.1' }] }
})

describe('DNS clients', () => {
  const stack = new AsyncDisposableStack()
  let port = 0
  let authority = ''

  before(async () => {
    const certificate = await createCertificate()
    const upstream = stack.use(await startFakeUpstream(certificate, RECORDS))
    const resolver = stack.use(
      createResolver({
        upstreams: [{ url: `https://doh.test:${upstream.port}/dns-query`, addresses: ['127.0.0.1'] }],
        clusterDomain: 'api.fluxgate.local',
        nodes: () => [{ address: '10.0.0.1' }, { address: '10.0.0.2' }, { address: 'fd00::1' }],
        authorities: certificate.cert,
      }),
    )
    const folder = await mkdtemp(join(tmpdir(), 'fluxgate-dns-'))
    stack.defer(() => rm(folder, { recursive: true }))
    authority = join(folder, 'authority.pem')
    await writeFile(authority, certificate.cert)
    const app = createTestServer(certificate)
    stack.defer(() => app.close())
    registerDnsQuery(app, resolver)
    port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  })
  after(() => stack.disposeAsync())

  async function dig(...parts: string[]): Promise<string> {
    const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(port), ...parts])
    return stdout
  }

  async function kdig(...parts: string[]): Promise<string> {
    const tls = [`+tls-ca=${authority}`, '+tls-hostname=localhost']
    const { stdout } = await run('kdig', ['@127.0.0.1', '-p', String(port), ...tls, ...parts])
    return stdout
  }

  it('dig +https: POST and GET, the certificate checked', { skip: noDig }, async () => {
    for (const method of ['+https', '+https-get']) {
      const tls = [`+tls-ca=${authority}`, '+tls-hostname=localhost']
      const output = await dig(method, ...tls, 'a.test', 'A')
      assert.match(output, /status: NOERROR/)
      assert.match(output, /a\.test\.\s+\d+\s+IN\s+A\s+127\.0\.0\.1/)
      assert.match(output, /EDNS: version: 0/)
    }
  })

  it('dig: our own names rotate, and other types are denied with an SOA', { skip: noDig }, async () => {
    const outputs = [
      await dig('+https', '+short', 'api.fluxgate.local'),
      await dig('+https', '+short', 'api.fluxgate.local'),
    ]
    assert.deepEqual(new Set(outputs), new Set(['10.0.0.1\n10.0.0.2\n', '10.0.0.2\n10.0.0.1\n']))
    assert.equal(await dig('+https', '+short', 'api.fluxgate.local', 'AAAA'), 'fd00::1\n')
    const https = await dig('+https', 'api.fluxgate.local', 'HTTPS')
    assert.match(https, /status: NOERROR.*ANSWER: 0, AUTHORITY: 1/s)
  })

  it('dig: NXDOMAIN, SERVFAIL, ANY, transfers, long answers and bad EDNS versions', {
    skip: noDig,
  }, async () => {
    assert.match(await dig('+https', 'absent.test'), /status: NXDOMAIN.*test\.\s+60\s+IN\s+SOA/s)
    assert.match(await dig('+https', 'broken.test'), /status: SERVFAIL/)
    assert.match(await dig('+https', 'a.test', 'ANY'), /HINFO\s+"RFC8482"/)
    assert.match(
      await dig('+https', '+bufsize=512', 'long.test', 'TXT'),
      /flags: qr rd ra;.*MSG SIZE\s+rcvd: 23\d\d/s,
    )
    assert.match(await dig('+https', '+edns=1', '+noednsneg', 'a.test'), /status: BADVERS/)
    assert.match(await dig('+https', '+opcode=4', 'a.test'), /status: NOTIMP/)
    const own = await dig('+https', '+dnssec', '+cd', 'api.fluxgate.local')
    assert.match(own, /flags: qr aa rd ra cd;.*EDNS: version: 0, flags: do;/s)
  })

  it('kdig +https: both methods, padding, and the names of both sides', { skip: noKdig }, async () => {
    for (const method of [[], ['+https-get']]) {
      const output = await kdig('+https', ...method, '+padding=128', '+dnssec', 'a.test')
      assert.match(output, /HTTP session \(HTTP\/2-/)
      assert.match(output, /status: 200/)
      assert.match(output, /status: NOERROR; id: 0/i)
      assert.match(output, /PADDING/)
      assert.match(output, /Received 468 B/)
    }
    assert.doesNotMatch(await kdig('+https', '+nopadding', 'a.test'), /PADDING/)
    assert.match(await kdig('+https', 'absent.test'), /status: NXDOMAIN/)
  })

  it('curl --doh-url connects to a name that only this server knows', { skip: noCurl }, async () => {
    const origin = createServer((asked, reply) => reply.end(`hello ${asked.headers.host}`))
    await new Promise<void>(listening => origin.listen(0, '127.0.0.1', listening))
    stack.defer(() => void origin.close())
    const bound = origin.address()
    const originPort = typeof bound === 'object' && bound !== null ? bound.port : 0
    const url = `http://only-here.test:${originPort}/`
    const doh = `https://127.0.0.1:${port}/dns-query`
    const { stdout } = await run('curl', ['-sS', '-m', '10', '--doh-insecure', '--doh-url', doh, url])
    assert.equal(stdout, `hello only-here.test:${originPort}`)
  })
})
