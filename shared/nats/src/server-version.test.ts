import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isServerAtLeast, LEAST_SUPPORTED_SERVER, watchServerVersion } from './server-version.ts'

test('server version compares by number and not by letter', () => {
  const newer = [
    ['2.12.0', '2.12'],
    ['2.12.0-RC.1', '2.12'],
    ['2.100.0', '2.12'],
    ['3.0.0', '2.12.7'],
    ['2.12.7', '2.12.7'],
  ] as const
  const older = [
    ['2.9.10', '2.12'],
    ['2.11.99', '2.12'],
    ['1.99.0', '2.0'],
    ['2.12.6', '2.12.7'],
    ['2.12', '2.12.1'],
  ] as const
  for (const [version, least] of newer) assert.equal(isServerAtLeast(version, least), true, version)
  for (const [version, least] of older) assert.equal(isServerAtLeast(version, least), false, version)
})

test('server version is warned of once when it is below the least supported one, and again when it changes', () => {
  const warnings: string[] = []
  const see = watchServerVersion({ warn: (_fields, message) => void warnings.push(message) })
  for (const version of ['2.9.10', '2.9.10', undefined, LEAST_SUPPORTED_SERVER, '2.15.1', '2.10.27'])
    see(version)
  assert.deepEqual(
    warnings.map(warning => warning.split(' ').slice(0, 2).join(' ')),
    ['nats-server 2.9.10', 'nats-server 2.10.27'],
  )
})

test('server version that the two commands ask for is the one that a connection warns below', async () => {
  const path = new URL('../../../infra/local/bootstrap/nats-server.mjs', import.meta.url).href
  const { LEAST_SUPPORTED } = (await import(path)) as { LEAST_SUPPORTED: string }
  assert.equal(LEAST_SUPPORTED, LEAST_SUPPORTED_SERVER)
})
