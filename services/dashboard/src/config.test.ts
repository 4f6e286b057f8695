import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigError, readConfig } from '@fluxgate/runtime'
import { readDashboardConfig } from './config.ts'

const needed = {
  NATS_URL: 'nats://127.0.0.1:4222',
  DATABASE_URL: 'postgres://127.0.0.1/fluxgate',
  JWT_SECRET: 'x'.repeat(32),
}

describe('the configuration', () => {
  it('needs the log, the database and the secret, and has a default for the rest', () => {
    const config = readConfig(needed, readDashboardConfig)
    assert.partialDeepStrictEqual(config, {
      ...{ host: '127.0.0.1', port: 3_000, origin: undefined, jwtSecrets: [needed.JWT_SECRET] },
      ...{ gatewayUrl: 'https://127.0.0.1:8443', gatewayPublicUrl: 'https://127.0.0.1:8443' },
      ...{ gatewayCaPath: undefined, model: 'phi4-mini' },
      ...{ gatewayAdminUrls: ['http://127.0.0.1:9090'], adminToken: undefined },
    })
  })

  it('takes origins for what they are, and both secrets during a rotation', () => {
    const config = readConfig(
      {
        ...{ ...needed, JWT_SECRET_PREVIOUS: 'y'.repeat(32), GATEWAY_URL: 'http://gw:8080/' },
        ...{ GATEWAY_PUBLIC_URL: 'https://api.example.com/', DASHBOARD_ORIGIN: 'https://ops.example.com' },
      },
      readDashboardConfig,
    )
    assert.partialDeepStrictEqual(config, {
      ...{ gatewayUrl: 'http://gw:8080', gatewayPublicUrl: 'https://api.example.com' },
      ...{ origin: 'https://ops.example.com', jwtSecrets: ['x'.repeat(32), 'y'.repeat(32)] },
    })
  })

  it('tells every fault at once, and no secret', () => {
    const wrong = {
      JWT_SECRET: 'short',
      DASHBOARD_PORT: '99999',
      DASHBOARD_ORIGIN: 'https://ops.example.com/x',
    }
    assert.throws(
      () => readConfig(wrong, readDashboardConfig),
      (error: ConfigError) => {
        assert.ok(error instanceof ConfigError)
        const named = ['NATS_URL', 'DATABASE_URL', 'JWT_SECRET', 'DASHBOARD_PORT', 'DASHBOARD_ORIGIN']
        for (const name of named) assert.ok(error.message.includes(name), name)
        assert.doesNotMatch(error.message, /short"/)
        return true
      },
    )
  })
})
