import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PRIVATE, SERVICES, serviceChild } from './children.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')

test('a service gets the whole environment, less what is not its own', () => {
  const env = {
    PATH: '/bin',
    DRAIN_WINDOW: '3s',
    JWT_SECRET: 'j',
    SESSION_PRIVATE_KEY: 'k',
    METRICS_TOKEN: 'm',
    DATABASE_URL: 'd',
    NATS_URL: 'n',
    METRICS_PORT: '1',
  }
  const guard = SERVICES.find(service => service.name === 'guard')
  assert.ok(guard)
  const given = Object.fromEntries(Object.entries(serviceChild(guard, env).env).filter(([, value]) => value))
  assert.deepEqual(given, { PATH: '/bin', DRAIN_WINDOW: '3s', NATS_URL: 'n' })
})

test('the table says of each service just the private variables that its configuration reads', () => {
  for (const { name, entry, needs } of SERVICES) {
    const file = join(ROOT, entry.replace('main.ts', 'config.ts'))
    if (!existsSync(file)) continue
    // A variable that is read to refuse it is not passed on.
    const code = readFileSync(file, 'utf8').replace(/^const FORMER_.*$/gm, '')
    // A status port is for containers; on one machine they would meet.
    const read = PRIVATE.filter(variable => variable !== 'METRICS_PORT' && code.includes(`'${variable}'`))
    assert.deepEqual([...needs].sort(), [...read].sort(), name)
  }
})
