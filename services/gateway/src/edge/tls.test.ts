import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { it } from 'node:test'
import { connect, createServer } from 'node:tls'
import { generate } from 'selfsigned'
import { loadTls } from './tls.fs.ts'

/** Longer ones are refused by macOS and iOS, whoever trusts them. */
const MAX_DAYS = 825
const DAY_MS = 86_400_000

it('the pair of the first start is made once, is its owner’s to read, and is valid as long as macOS takes', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-tls-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const pair = await loadTls(undefined, directory, ['localhost', 'api.fluxgate.local'])
  assert.deepEqual(await loadTls(undefined, directory, ['localhost']), pair)
  assert.equal((await stat(join(directory, 'key.pem'))).mode & 0o777, 0o600)
  const certificate = new X509Certificate(pair.cert)
  const from = Date.parse(certificate.validFrom)
  const days = (Date.parse(certificate.validTo) - from) / DAY_MS
  assert.ok(from < Date.now())
  assert.ok(days > MAX_DAYS - 2 && days <= MAX_DAYS, String(days))
  for (const name of ['localhost', 'api.fluxgate.local']) assert.equal(certificate.checkHost(name), name)
  assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1')
  assert.equal(certificate.ca, false)
})

it('a client that trusts the own certificate reaches its server, which no other certificate of its key does', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-tls-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const pair = await loadTls(undefined, directory, ['localhost'])
  const server = createServer({ ...pair }, socket => socket.end('hello'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: pair.cert })
  assert.equal(await text(socket), 'hello')
})

it('an own pair whose certificate is an authority is made anew', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-tls-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
  })
  await writeFile(join(directory, 'key.pem'), key)
  await writeFile(join(directory, 'cert.pem'), cert)
  assert.equal(new X509Certificate(cert).ca, true)
  const made = await loadTls(undefined, directory, ['localhost'])
  assert.equal(new X509Certificate(made.cert).ca, false)
  assert.deepEqual(await loadTls(undefined, directory, ['localhost']), made)
})
