import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '@fluxgate/runtime'
import { readMcpConfig } from '../config.ts'
import { isAllowedHost, isAllowedOrigin, LOOPBACK_HOSTS } from './allowed-source.ts'

const allowed = { hosts: new Set(LOOPBACK_HOSTS), origins: new Set(['https://ops.example.com']) }

test('hosts are compared by name, with any port', () => {
  for (const host of ['localhost', 'LocalHost:1', '127.0.0.1:65535', '[::1]:8000']) {
    assert.ok(isAllowedHost(host, allowed), host)
  }
  for (const host of [
    ...[
      undefined,
      '',
      'localhost:',
      'localhost:port',
      'localhost.evil.example',
      'a@localhost',
      'localhost, evil',
    ],
    ...['127.0.0.1/x', '::1', '0x7f.1', 'localhost\\@evil'],
  ]) {
    assert.ok(!isAllowedHost(host, allowed), host)
  }
})

test('origins are those of allowed hosts, or listed in full', () => {
  for (const origin of [undefined, 'http://localhost:5173', 'https://[::1]', 'https://ops.example.com']) {
    assert.ok(isAllowedOrigin(origin, allowed), origin)
  }
  for (const origin of [
    ...[
      'null',
      '',
      'http://evil.example',
      'https://ops.example.com:444',
      'http://ops.example.com',
      'file://localhost',
    ],
    ...['http://localhost/', 'http://localhost:80', 'http://user@localhost', 'chrome-extension://localhost'],
  ]) {
    assert.ok(!isAllowedOrigin(origin, allowed), origin)
  }
})

test('the configuration spells hosts and origins as requests do', () => {
  const env = { NATS_URL: 'nats://x', DATABASE_URL: 'postgres://x', ADMIN_TOKEN: 'x'.repeat(16) }
  const { http } = readConfig(
    {
      ...env,
      MCP_HOST: '::1',
      MCP_ALLOWED_HOSTS: 'MCP.example.com',
      MCP_ALLOWED_ORIGINS: 'https://Ops.Example.com/x',
    },
    readMcpConfig,
  )
  assert.ok(http)
  assert.ok(isAllowedHost('mcp.example.com:443', http.allowed) && isAllowedHost('[::1]:8000', http.allowed))
  assert.ok(isAllowedOrigin('https://ops.example.com', http.allowed))
  assert.throws(() => readConfig({ ...env, ADMIN_TOKEN: 'short' }, readMcpConfig), /ADMIN_TOKEN is too short/)
})
