import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { ConfigError, createLog, readConfig } from '@fluxgate/runtime'
import {
  createDatabase,
  eventually,
  type PostgresServer,
  SESSION_KEYS,
  testNats,
  testPostgres,
} from '@fluxgate/testing'
import { readGatewayConfig } from '../config.ts'
import { startGateway } from '../service.ts'
import { planTestEnv } from '../upstreams/test-plan.ts'
import { answering, fakeServer } from '../upstreams/test-servers.ts'
import type { RoutingReport } from '../upstreams/upstream-status.ts'

const TOKEN = 'admin-token-for-tests'

async function migratedDatabase(postgres: PostgresServer): Promise<string> {
  const url = await createDatabase(postgres)
  await using db = openDatabase(url)
  await migrateToLatest(db)
  return url
}

it('a node serves by UPSTREAMS_FILE, and reports a broken file on every API', async () => {
  await using server = await fakeServer(answering('{"usage":{"prompt_tokens":1,"completion_tokens":1}}'))
  const credentials = { header: 'x-api-key', value: `\${env:MODEL_KEY}` }
  const plan = { upstreams: [{ name: 'one', url: server.url, credentials, models: ['m'] }] }
  // Only for its file in a folder of its own.
  await using files = await planTestEnv(plan, { MODEL_KEY: 'k' })
  await using nats = await testNats()
  await using postgres = await testPostgres()
  const databaseUrl = await migratedDatabase(postgres)
  const env = {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
    ADMIN_TOKEN: TOKEN,
    UPSTREAMS_FILE: files.path,
    PUBLIC_HOST: '127.0.0.1',
    PUBLIC_PORT: '0',
    ADMIN_PORT: '0',
    TLS: 'off',
    FLUXGATE_DATA_DIR: join(files.path, '../data'),
    DRAIN_TIMEOUT: '100ms',
    // A busy machine is no reason to refuse a call here.
    MAX_LOOP_DELAY: '0',
  }
  const start = (more: Record<string, string>) =>
    startGateway(readConfig({ ...env, ...more }, readGatewayConfig), createLog('gateway', 'silent'))
  await assert.rejects(start({}), (error: unknown) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, /^UPSTREAMS_FILE: upstreams\[0\]\.credentials\.value needs .* MODEL_KEY/)
    return true
  })
  await using gateway = await start({ MODEL_KEY: 'k' })
  const admin = async (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${gateway.adminPort}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    })
  const made = await admin('/admin/keys/generate', { method: 'POST', body: '{"user_id":"ann"}' })
  const { key } = (await made.json()) as { key: string }
  const url = `http://127.0.0.1:${gateway.publicPort}`
  const ask = async (path: string, body?: string) =>
    fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { body }),
    })
  assert.equal((await ask('/v1/chat/completions', '{"model":"m"}')).status, 200)
  assert.equal((await ask('/v1/chat/completions', '{"model":"n"}')).status, 404)
  const list = (await (await ask('/v1/models')).json()) as { data: Array<{ id: string }> }
  assert.deepEqual(
    list.data.map(({ id }) => id),
    ['m'],
  )
  const report = (await (await admin('/admin/upstreams')).json()) as RoutingReport
  assert.deepEqual([report.upstreams[0]!.name, report.upstreams[0]!.calls], ['one', 1])
  assert.ok(!JSON.stringify(report).includes('"k"'), 'no secret')

  await writeFile(`${files.path}.new`, '{')
  await rename(`${files.path}.new`, files.path)
  await eventually(async () => {
    const ready = await fetch(`${url}/ready`)
    assert.equal(ready.status, 200)
    const { warnings } = (await ready.json()) as { warnings?: { upstreams: string } }
    assert.equal(warnings?.upstreams, 'not JSON: it ends too early')
  })
  const metrics = await (await admin('/metrics')).text()
  assert.match(metrics, /^fluxgate_upstreams_file_broken\{service="gateway"\} 1$/m)
  assert.match(metrics, /^fluxgate_upstream_circuit\{upstream="one",service="gateway"\} 0$/m)
  assert.equal((await ask('/v1/chat/completions', '{"model":"m"}')).status, 200)
})
