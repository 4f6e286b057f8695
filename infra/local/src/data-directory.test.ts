import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { publicKeyOf } from '@fluxgate/session'
import { readConnection, writeConnection } from './connection.ts'
import { claimDataDirectory } from './data-directory.ts'
import { loadSecrets, saveSecrets } from './secrets.ts'

const fresh = () => join(mkdtempSync(join(tmpdir(), 'fluxgate-data-')), 'data')
const mode = (path: string) => statSync(path).mode & 0o777

test('secrets are made once, readable by this user alone, and completed when one is missing', async () => {
  const dataDir = fresh()
  mkdirSync(dataDir)
  const first = await loadSecrets(dataDir)
  assert.ok(publicKeyOf(first.sessionPrivateKey).length > 100)
  assert.ok(first.operatorPassword.length >= 12)
  const path = join(dataDir, 'secrets.json')
  assert.equal(mode(path), 0o600)
  await saveSecrets(dataDir, { ...first, demoKey: 'sk_live_x' })
  chmodSync(path, 0o644)
  assert.deepEqual(await loadSecrets(dataDir), { ...first, demoKey: 'sk_live_x' })
  assert.equal(mode(path), 0o600)

  const { adminToken, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as typeof first
  writeFileSync(path, JSON.stringify(rest))
  const completed = await loadSecrets(dataDir)
  assert.notEqual(completed.adminToken, adminToken)
  assert.equal(completed.sessionPrivateKey, first.sessionPrivateKey)
  writeFileSync(path, '{"jwt')
  await assert.rejects(loadSecrets(dataDir), /not JSON; remove it/)
})

test('a data directory has one owner; a dead one is forgotten', async () => {
  const dataDir = fresh()
  const script = join(mkdtempSync(join(tmpdir(), 'fluxgate-owner-')), 'start.ts')
  writeFileSync(script, 'setInterval(() => {}, 1000)')
  const owner = spawn(process.execPath, [script], { stdio: 'ignore' })
  await once(owner, 'spawn')
  {
    await using _ = await claimDataDirectory(dataDir)
    assert.equal(mode(dataDir), 0o700)
  }
  const lock = join(dataDir, 'owner.pid')
  assert.equal(existsSync(lock), false)
  writeFileSync(lock, String(owner.pid))
  await assert.rejects(claimDataDirectory(dataDir), { code: 'FLUXGATE_CONFIG', message: /runs already/ })
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  await using _ = await claimDataDirectory(dataDir)
  assert.equal(readFileSync(lock, 'utf8'), String(process.pid))
})

test('a data directory that is open to others is closed to them', async () => {
  const dataDir = fresh()
  mkdirSync(dataDir, { mode: 0o755 })
  chmodSync(dataDir, 0o755)
  await using _ = await claimDataDirectory(dataDir)
  assert.equal(mode(dataDir), 0o700)
})

test('a connection file says what runs, and only while it runs', async () => {
  const dataDir = fresh()
  mkdirSync(dataDir)
  const connection = {
    pid: process.pid,
    dataDir,
    natsUrl: 'nats://127.0.0.1:4222',
    gatewayNatsUrl: 'nats://gateway:p@127.0.0.1:4222',
    databaseUrl: 'postgres://127.0.0.1/x',
    publicUrl: 'https://localhost:8443',
    adminUrl: 'http://127.0.0.1:9090',
    mcpUrl: 'http://127.0.0.1:8000/mcp',
    dashboardUrl: 'http://localhost:3000',
    upstreamUrls: ['http://127.0.0.1:11434'],
    tlsCertPath: '/tls/cert.pem',
    tlsKeyPath: '/tls/key.pem',
    sessionPrivateKey: 'j',
    adminToken: 'a',
    forwardToken: 'forward',
    registration: 'open',
    dashboardToken: 'd',
    metricsToken: 'm',
    mcpToken: 'c',
    operatorEmail: 'o@example.com',
    operatorPassword: 'p',
    apiKey: 'sk_live_x',
  }
  assert.equal(await readConnection(dataDir), undefined)
  {
    await using _ = await writeConnection(connection)
    assert.equal(mode(join(dataDir, 'connection.json')), 0o600)
    assert.deepEqual(await readConnection(dataDir), connection)
  }
  assert.equal(await readConnection(dataDir), undefined)
  const gone = spawn('true', { stdio: 'ignore' })
  await once(gone, 'exit')
  await using _ = await writeConnection({ ...connection, pid: gone.pid ?? 0 })
  assert.equal(await readConnection(dataDir), undefined)
})
