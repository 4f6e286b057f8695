import assert from 'node:assert/strict'
import { test } from 'node:test'
import { banner, curlLine } from './banner.ts'
import type { Connection } from './connection.ts'
import { statusText } from './figures.ts'

const connection: Connection = {
  pid: 1,
  dataDir: '/home/me/fluxgate/.fluxgate',
  natsUrl: 'nats://127.0.0.1:4222',
  gatewayNatsUrl: 'nats://gateway:p@127.0.0.1:4222',
  databaseUrl: 'postgres://127.0.0.1/x',
  publicUrl: 'https://localhost:8443',
  adminUrl: 'http://127.0.0.1:9090',
  mcpUrl: 'http://127.0.0.1:8000/mcp',
  dashboardUrl: 'http://localhost:3000',
  upstreamUrls: [],
  tlsCertPath: '/home/me/fluxgate/.fluxgate/tls/cert.pem',
  tlsKeyPath: '/home/me/fluxgate/.fluxgate/tls/key.pem',
  sessionPrivateKey: 'j',
  dashboardToken: 'd',
  metricsToken: 'm',
  mcpToken: 'c',
  adminToken: 'the-admin-token',
  forwardToken: 'forward',
  registration: 'open',
  operatorEmail: 'operator@fluxgate.local',
  operatorPassword: 'once-made',
  apiKey: 'sk_live_abc',
}

test('the line to paste trusts the certificate that the gateway made', () => {
  const line = curlLine(connection, 'phi4-mini', '/home/me/fluxgate')
  assert.equal(
    line,
    'curl -N --cacert .fluxgate/tls/cert.pem https://localhost:8443/v1/chat/completions ' +
      '-H "Authorization: Bearer sk_live_abc" -H "Content-Type: application/json" ' +
      '-d \'{"model":"phi4-mini","stream":true,"messages":[{"role":"user","content":"Say hello."}]}\'',
  )
  const elsewhere = curlLine(connection, 'x', '/tmp')
  assert.match(elsewhere, /--cacert \/home\/me\/fluxgate\/\.fluxgate\/tls\/cert\.pem /)
  const given = { ...connection, tlsCertPath: undefined }
  assert.match(curlLine(given, 'x', '/'), /^curl -N -k https:/)
  assert.match(curlLine({ ...given, publicUrl: 'http://localhost:80' }, 'x', '/'), /^curl -N http:/)
})

test('the block tells addresses, the login and the key, and no token', () => {
  const text = banner(connection, { words: 'a simulator', model: 'phi4-mini' }, '/home/me/fluxgate').join(
    '\n',
  )
  for (const said of [
    'https://localhost:8443',
    'http://localhost:3000',
    'once-made',
    'sk_live_abc',
    'Ctrl-C',
  ]) {
    assert.ok(text.includes(said), said)
  }
  assert.ok(!text.includes('the-admin-token'))
})

test('rates come from two readings', () => {
  const figures = { atMs: 0, requests: 100, tokens: 1_000, activeThrottles: 1, openIncidents: 2 }
  assert.match(
    statusText(figures, undefined),
    /^0 requests\/s · 0 tokens\/s · 1 active throttle · 2 open incidents$/,
  )
  const later = { ...figures, atMs: 2_000, requests: 103, tokens: 2_468 }
  assert.match(statusText(later, figures), /^1\.5 requests\/s · 734 tokens\/s/)
})
