import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, readConfig } from '@fluxgate/runtime'
import { SESSION_KEYS } from '@fluxgate/testing'
import { readMcpConfig } from './config.ts'

const needed = { NATS_URL: 'nats://x', DATABASE_URL: 'postgres://x', MCP_TOKEN: 'x'.repeat(16) }

test('configuration takes a token, a public key and a second database user, and none of them is another', () => {
  const bare = readConfig(needed, readMcpConfig)
  assert.equal(bare.readDatabaseUrl, undefined)
  assert.deepEqual([bare.http?.operatorToken, bare.http?.sessionKeys], [needed.MCP_TOKEN, []])
  const whole = readConfig(
    { ...needed, MCP_READ_DATABASE_URL: 'postgres://reader@x', SESSION_PUBLIC_KEY: SESSION_KEYS.publicKey },
    readMcpConfig,
  )
  assert.equal(whole.readDatabaseUrl, 'postgres://reader@x')
  assert.deepEqual(whole.http?.sessionKeys, [SESSION_KEYS.publicKey])
})

test('configuration says what to set when it is given what the first edition was given', () => {
  const { MCP_TOKEN: _, ...rest } = needed
  assert.throws(
    () => readConfig({ ...rest, ADMIN_TOKEN: 'y'.repeat(32) }, readMcpConfig),
    (error: ConfigError) =>
      error instanceof ConfigError && /Set MCP_TOKEN .*remove ADMIN_TOKEN here/.test(error.message),
  )
  for (const [name, value] of [
    ['MCP_TOKEN', 'short'],
    ['SESSION_PUBLIC_KEY', SESSION_KEYS.privateKey],
  ] as const) {
    const wrong = { ...needed, [name]: value }
    assert.throws(
      () => readConfig(wrong, readMcpConfig),
      (error: ConfigError) =>
        error.message.includes(name) && !error.message.includes(SESSION_KEYS.privateKey),
    )
  }
})
