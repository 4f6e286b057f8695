import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { connect as connectH2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { createLog } from '@fluxgate/runtime'
import { eventually } from '@fluxgate/testing'
import { type EdgeTestEnv, makePair, startEdge } from './test/env.ts'
import type { TlsPair } from './tls.fs.ts'
import { type TlsWatch, watchTls } from './tls-watch.fs.ts'

function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      rejectUnauthorized: false,
      ...options,
    })
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
  })
}

async function serialOf(port: number): Promise<string> {
  const socket = await handshake(port)
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

const log = createLog('test', 'silent')

describe('the TLS server', () => {
  let env: EdgeTestEnv
  before(async () => {
    env = await startEdge({ tls: await makePair(), hsts: true })
  })
  after(() => env[Symbol.asyncDispose]())

  it('speaks 1.2 and 1.3, h2 and http/1.1', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const protocol of ['h2', 'http/1.1']) {
        const limits = { minVersion: version, maxVersion: version, ALPNProtocols: [protocol] }
        const socket = await handshake(env.port, limits)
        assert.deepEqual([socket.getProtocol(), socket.alpnProtocol], [version, protocol])
        socket.destroy()
      }
    }
  })

  it('speaks neither older versions, nor ciphers without forward secrecy or with CBC, nor other protocols', async () => {
    const weak: ConnectionOptions[] = [
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      ...[
        'AES256-GCM-SHA384',
        'ECDHE-ECDSA-AES256-SHA',
        'ECDHE-ECDSA-AES128-SHA256',
        'DHE-RSA-AES256-GCM-SHA384',
      ].map(ciphers => ({ ciphers, maxVersion: 'TLSv1.2' as const })),
      { ALPNProtocols: ['spdy/3'] },
    ]
    for (const options of weak) await assert.rejects(handshake(env.port, options), JSON.stringify(options))
  })

  it('does not renegotiate', async () => {
    const socket = await handshake(env.port, { maxVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] })
    socket.on('error', () => {})
    const outcome = await new Promise<string>(resolve => {
      socket.once('close', () => resolve('closed'))
      socket.renegotiate({ rejectUnauthorized: false }, error => resolve(error ? 'refused' : 'done'))
    })
    assert.notEqual(outcome, 'done')
    socket.destroy()
  })

  it('tells browsers to stay with TLS, and not to guess types', async () => {
    const session = connectH2(`https://localhost:${env.port}`, { rejectUnauthorized: false })
    const stream = session.request({ ':path': '/health' })
    const headers = await new Promise<Record<string, unknown>>(resolve => stream.on('response', resolve))
    assert.match(String(headers['strict-transport-security']), /^max-age=31536000/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    session.destroy()
  })

  it('forgets the keys of its session tickets', async () => {
    const first = await handshake(env.port, { maxVersion: 'TLSv1.2' })
    const session = first.getSession()
    first.destroy()
    const resumed = await handshake(env.port, { maxVersion: 'TLSv1.2', session })
    assert.equal(resumed.isSessionReused(), true)
    resumed.destroy()
    env.edge.renewTickets()
    const fresh = await handshake(env.port, { maxVersion: 'TLSv1.2', session })
    assert.equal(fresh.isSessionReused(), false)
    fresh.destroy()
  })
})

describe('changed TLS files', () => {
  let directory: string
  let env: EdgeTestEnv
  let watching: TlsWatch
  const files = () => ({ certPath: join(directory, 'tls.crt'), keyPath: join(directory, 'tls.key') })
  const write = async ({ cert, key }: TlsPair) => {
    // As certificate managers do: new files take the old names.
    const { certPath, keyPath } = files()
    await writeFile(`${certPath}.new`, cert)
    await writeFile(`${keyPath}.new`, key)
    await rename(`${certPath}.new`, certPath)
    await rename(`${keyPath}.new`, keyPath)
  }
  const start = async (pollMs: number) => {
    directory = await mkdtemp(join(tmpdir(), 'fluxgate-tls-'))
    const pair = await makePair()
    await write(pair)
    env = await startEdge({ tls: pair })
    watching = watchTls({ files: files(), pair, renew: env.edge.renewTls, log, pollMs })
  }
  const stop = async () => {
    watching[Symbol.dispose]()
    await env[Symbol.asyncDispose]()
    await rm(directory, { recursive: true })
  }

  it('are taken into use for new connections, while running ones live', async () => {
    await start(60_000)
    const session = connectH2(`https://localhost:${env.port}`, { rejectUnauthorized: false })
    const health = async () => text(session.request({ ':path': '/health' }))
    assert.match(await health(), /alive/)
    const before = await serialOf(env.port)
    await write(await makePair())
    await eventually(async () => assert.notEqual(await serialOf(env.port), before))
    assert.match(await health(), /alive/)
    assert.deepEqual([watching.renewals, watching.failures, watching.fault], [1, 0, undefined])
    assert.ok(watching.expiresMs > Date.now())
    session.destroy()
    await stop()
  })

  it('that do not fit together leave the old pair in use, and say so until they do', async () => {
    await start(100)
    const before = await serialOf(env.port)
    const [one, two] = [await makePair(), await makePair()]
    await write({ cert: one.cert, key: two.key })
    await eventually(() => assert.match(watching.fault ?? '', /mismatch/))
    assert.equal(await serialOf(env.port), before)
    await write({ cert: 'no certificate', key: one.key })
    await eventually(() => assert.ok(watching.failures >= 2))
    assert.equal(await serialOf(env.port), before)
    await rm(files().certPath)
    await eventually(() => assert.match(watching.fault ?? '', /ENOENT/))
    await write(one)
    await eventually(() => assert.equal(watching.fault, undefined))
    assert.notEqual(await serialOf(env.port), before)
    assert.equal(watching.renewals, 1)
    await stop()
  })
})
