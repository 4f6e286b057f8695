import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigError, readConfig } from '@fluxgate/runtime'
import { newSessionKeys, SESSION_KEYS } from '@fluxgate/testing'
import { readDashboardConfig } from './config.ts'

const OTHER = newSessionKeys().publicKey
const needed = {
  NATS_URL: 'nats://127.0.0.1:4222',
  DATABASE_URL: 'postgres://127.0.0.1/fluxgate',
  SESSION_PUBLIC_KEY: SESSION_KEYS.publicKey,
}

describe('dashboard configuration', () => {
  it('requires NATS, Postgres and a public key, and has defaults for the rest', () => {
    const config = readConfig(needed, readDashboardConfig)
    assert.partialDeepStrictEqual(config, {
      host: '127.0.0.1',
      port: 3_000,
      origin: undefined,
      sessionKeys: [SESSION_KEYS.publicKey],
      gatewayUrl: 'https://127.0.0.1:8443',
      gatewayPublicUrl: 'https://127.0.0.1:8443',
      gatewayCaPath: undefined,
      model: 'phi4-mini',
      gatewayAdminUrls: ['http://127.0.0.1:9090'],
      adminToken: undefined,
    })
  })

  it('reads origins, and both keys during a rotation', () => {
    const config = readConfig(
      {
        ...needed,
        SESSION_PUBLIC_KEY_OTHER: OTHER,
        GATEWAY_URL: 'http://gw:8080/',
        GATEWAY_PUBLIC_URL: 'https://api.example.com/',
        DASHBOARD_ORIGIN: 'https://ops.example.com',
      },
      readDashboardConfig,
    )
    assert.partialDeepStrictEqual(config, {
      gatewayUrl: 'http://gw:8080',
      gatewayPublicUrl: 'https://api.example.com',
      origin: 'https://ops.example.com',
      sessionKeys: [SESSION_KEYS.publicKey, OTHER],
    })
  })

  it('says which variables to set when it gets those of the first edition', () => {
    const { SESSION_PUBLIC_KEY: _, ...rest } = needed
    const old = { ...rest, JWT_SECRET: 'x'.repeat(32), ADMIN_TOKEN: 'y'.repeat(32) }
    assert.throws(
      () => readConfig(old, readDashboardConfig),
      (error: ConfigError) => {
        assert.match(error.message, /JWT_SECRET signs no sessions any more.*Set SESSION_PUBLIC_KEY/)
        assert.match(error.message, /Set ADMIN_TOKEN_DASHBOARD/)
        return true
      },
    )
  })

  it('reports all errors at once, without secrets', () => {
    const wrong = {
      SESSION_PUBLIC_KEY: 'short',
      DASHBOARD_PORT: '99999',
      DASHBOARD_ORIGIN: 'https://ops.example.com/x',
    }
    assert.throws(
      () => readConfig(wrong, readDashboardConfig),
      (error: ConfigError) => {
        assert.ok(error instanceof ConfigError)
        const named = ['NATS_URL', 'DATABASE_URL', 'SESSION_PUBLIC_KEY', 'DASHBOARD_PORT', 'DASHBOARD_ORIGIN']
        for (const name of named) assert.ok(error.message.includes(name), name)
        assert.doesNotMatch(error.message, /short"/)
        return true
      },
    )
  })
})
