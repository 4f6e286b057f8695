import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '@fluxgate/testing'
import { type Connection, writeConnection } from './connection.ts'
import { joinSettings } from './join.ts'

const fresh = () => mkdtempSync(join(tmpdir(), 'fluxgate-join-'))
const noPorts = { publicPort: undefined, adminPort: undefined }

function running(dataDir: string): Connection {
  return {
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
    sessionPrivateKey: 'the-key',
    adminToken: 'the-token',
    forwardToken: 'forward',
    registration: 'open',
    dashboardToken: 'the-token-of-the-dashboard',
    metricsToken: 'the-token-of-the-scraper',
    mcpToken: 'the-token-of-mcp',
    operatorEmail: 'o@example.com',
    operatorPassword: 'p',
    apiKey: 'sk_live_x',
  }
}

test('a joiner gets the secrets, the certificate and the upstreams of the running system, and a place of its own', async () => {
  const dataDir = fresh()
  await using _ = await writeConnection(running(dataDir))
  const { PUBLIC_PORT, ADMIN_PORT, ...rest } = await joinSettings({ dataDir, ...noPorts }, {})
  assert.ok(Number(PUBLIC_PORT) >= 8444 && Number(ADMIN_PORT) >= 9091)
  assert.deepEqual(rest, {
    NATS_URL: 'nats://gateway:p@127.0.0.1:4222',
    DATABASE_URL: 'postgres://127.0.0.1/x',
    SESSION_PRIVATE_KEY: 'the-key',
    ADMIN_TOKEN: 'the-token',
    ADMIN_TOKEN_DASHBOARD: 'the-token-of-the-dashboard',
    METRICS_TOKEN: 'the-token-of-the-scraper',
    DOWNSTREAM_AI_URLS: 'http://127.0.0.1:11434',
    TLS_CERT_PATH: '/tls/cert.pem',
    TLS_KEY_PATH: '/tls/key.pem',
    NODE_ID: `gw-${PUBLIC_PORT}`,
    FLUXGATE_DATA_DIR: join(dataDir, 'nodes', PUBLIC_PORT),
    TLS: 'on',
  })
  const own = await joinSettings({ dataDir, ...noPorts }, { NATS_URL: 'nats://elsewhere', NODE_ID: 'third' })
  assert.equal(own.NODE_ID, 'third')
  assert.equal('NATS_URL' in own && own.NATS_URL, 'nats://elsewhere')
})

test('join names the wanted ports when they are in use', async () => {
  const dataDir = fresh()
  await using _ = await writeConnection(running(dataDir))
  const server = createServer().listen(await freePort(), '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const joining = joinSettings({ dataDir, publicPort: port, adminPort: undefined }, {})
  await assert.rejects(joining, { message: /^port \d+ is taken.+Set PUBLIC_PORT/ })
  server.close()
})

test('with nothing running, it says what is missing', async () => {
  const dataDir = fresh()
  await assert.rejects(joinSettings({ dataDir, ...noPorts }, { NATS_URL: 'nats://x' }), {
    message:
      /Nothing runs with .+`npm start` first, or set DATABASE_URL, SESSION_PRIVATE_KEY, ADMIN_TOKEN\.$/,
  })
})
