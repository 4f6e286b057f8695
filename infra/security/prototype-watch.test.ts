import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const WATCH = new URL('./src/prototype-watch.mjs', import.meta.url).href

function run(script: string) {
  const { status, signal, stderr } = spawnSync(process.execPath, ['--import', WATCH, '--eval', script], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  return { ended: status, signal, stderr }
}

test('a process whose prototype is poisoned ends, and says so; another does not', () => {
  const poisoned = run("JSON.parse('{}').__proto__.polluted = 'yes'; setTimeout(() => {}, 20_000)")
  assert.equal(poisoned.signal, 'SIGABRT')
  assert.match(poisoned.stderr, /poisoned with "polluted"/)
  const well = run(`JSON.parse('{"__proto__":{"polluted":"yes"}}'); setTimeout(() => {}, 300)`)
  assert.deepEqual(well, { ended: 0, signal: null, stderr: '' })
})
