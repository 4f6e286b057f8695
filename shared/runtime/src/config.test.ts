import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ConfigError, type EnvReader, readConfig, readLogStorage } from './config.ts'

function faultsOf(env: Record<string, string>, read: (env: EnvReader) => unknown): readonly string[] {
  try {
    readConfig(env, read)
    return []
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.faults
  }
}

it('reads sizes with units', () => {
  const sizes: Array<[string, number]> = [
    ['0', 0],
    ['4096', 4_096],
    ['10B', 10],
    ['500MB', 500_000_000],
    ['500 mb', 500_000_000],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['8GiB', 8 * 1024 ** 3],
    ['2TiB', 2 * 1024 ** 4],
    ['1K', 1_000],
  ]
  for (const [text, bytes] of sizes) {
    assert.equal(
      readConfig({ SIZE: text }, env => env.bytes('SIZE')),
      bytes,
      text,
    )
  }
  assert.equal(
    readConfig({}, env => env.bytes('SIZE')),
    undefined,
  )
  for (const text of ['GiB', '-1', '1 potato', '8GiBs', '1e9', '1,000']) {
    assert.deepEqual(
      faultsOf({ SIZE: text }, env => env.bytes('SIZE')),
      [`SIZE="${text}" must be a size such as 500MB or 8GiB`],
    )
  }
})

it('reads what the streams may take, and leaves unsaid what is unset', () => {
  assert.deepEqual(readConfig({}, readLogStorage), { replicas: undefined, storageBytes: undefined })
  const said = readConfig({ NATS_REPLICAS: '3', NATS_STORAGE: '8GiB' }, readLogStorage)
  assert.deepEqual(said, { replicas: 3, storageBytes: 8 * 1024 ** 3 })
  const faults = faultsOf({ NATS_REPLICAS: '2', NATS_STORAGE: '1MiB' }, readLogStorage)
  assert.deepEqual(faults, [
    'NATS_REPLICAS="2" must be one of 1, 3',
    'NATS_STORAGE="1MiB" must be a size such as 500MB or 8GiB, at least 67108864',
  ])
})

it('tells every fault at once, and no password', () => {
  const faults = faultsOf({ DATABASE_URL: 'mysql://me:hush@host/db', SHORT: 'hush' }, env => {
    env.url('DATABASE_URL', ['postgres:'])
    env.secret('SHORT', 32)
    env.text('MISSING')
  })
  assert.equal(faults.length, 3)
  assert.doesNotMatch(faults.join(), /hush/)
})
