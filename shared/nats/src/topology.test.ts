import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topology } from './topology.ts'

const STORAGE_BYTES = 1_000_000_000

test('every stream and bucket has a bound, and all of them fit into the storage', () => {
  const streams = topology({ replicas: 1, storageBytes: STORAGE_BYTES })
  const bytesOf = (name: string) => streams.find(stream => stream.name === name)?.max_bytes ?? 0
  for (const { name, max_bytes: bytes } of streams) assert.ok(bytes && bytes > 0, name)
  const all = streams.reduce((sum, { max_bytes: bytes }) => sum + (bytes ?? 0), 0)
  assert.ok(all <= STORAGE_BYTES, `${all}`)
  assert.equal(bytesOf('REFUSALS'), STORAGE_BYTES * 0.02)
  for (const { name, discard } of streams) {
    const isEvents = !name!.startsWith('KV_') || name === 'KV_addresses'
    assert.equal(discard, isEvents ? 'old' : 'new', name)
  }
})
