import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { loadTls } from './tls.ts'

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
})
