import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAllowedHost, isAllowedOrigin, LOOPBACK_HOSTS, readAllowedSources } from './allowed-source.ts'
import { readConfig } from './config.ts'

const VARIABLES = { hosts: 'MCP_ALLOWED_HOSTS', origins: 'MCP_ALLOWED_ORIGINS' }
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

test('allowed sources are spelled as requests spell them when they are read from the environment', () => {
  const env = { MCP_ALLOWED_HOSTS: 'MCP.example.com', MCP_ALLOWED_ORIGINS: 'https://Ops.Example.com/x' }
  const read = readConfig(env, reader => readAllowedSources(reader, VARIABLES, { host: '::1' }))
  assert.ok(isAllowedHost('mcp.example.com:443', read) && isAllowedHost('[::1]:8000', read))
  assert.ok(isAllowedOrigin('https://ops.example.com', read))
  assert.ok(!isAllowedHost('ops.example.com', read))
})

test('allowed sources hold the public origin, and no unspecified address, when a server listens on all', () => {
  const origins = ['https://Ops.example.com']
  const read = readConfig({}, reader => readAllowedSources(reader, VARIABLES, { host: '0.0.0.0', origins }))
  assert.ok(isAllowedHost('ops.example.com', read) && isAllowedHost('localhost:3000', read))
  for (const host of ['0.0.0.0:3000', 'evil.example', '[::]']) assert.ok(!isAllowedHost(host, read), host)
})
