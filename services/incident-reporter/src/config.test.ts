import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConfig } from '@fluxgate/runtime'
import { readReporterConfig } from './config.ts'

const read = (env: Record<string, string>) =>
  readConfig({ NATS_URL: 'nats://127.0.0.1:4222', ...env }, readReporterConfig)
const URL = 'https://hooks.example.com/fluxgate'
const secret = (bytes: number) => `whsec_${Buffer.alloc(bytes, 255).toString('base64')}`

describe('the webhook of the configuration', () => {
  it('is none without an address', () => {
    assert.equal(read({}).webhook, undefined)
  })

  it('has a secret of 24 to 64 bytes', () => {
    for (const bytes of [24, 32, 64]) {
      const { webhook } = read({ NOTIFY_WEBHOOK_URL: URL, NOTIFY_WEBHOOK_SECRET: secret(bytes) })
      assert.equal(webhook?.secret.length, bytes)
    }
  })

  for (const bad of [secret(23), secret(65), 'whsec_', 'whsec_!!!!', secret(32).slice(6), `${secret(32)}*`]) {
    it(`refuses ${JSON.stringify(bad)}`, () => {
      const env = { NOTIFY_WEBHOOK_URL: URL, NOTIFY_WEBHOOK_SECRET: bad }
      assert.throws(() => read(env), /NOTIFY_WEBHOOK_SECRET must be/)
    })
  }
})
