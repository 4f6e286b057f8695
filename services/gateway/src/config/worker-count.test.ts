import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { EnvReader } from '@fluxgate/runtime'
import { readWorkerCount } from './worker-count.ts'

test('GATEWAY_WORKERS is a number or `auto`, and 1 where it is not set', () => {
  const read = (text?: string) => {
    const env = new EnvReader(text === undefined ? {} : { GATEWAY_WORKERS: text })
    return [readWorkerCount(env), env.faults] as const
  }
  assert.deepEqual(read(), [1, []])
  assert.deepEqual(read('3'), [3, []])
  assert.deepEqual(read('auto'), [Math.min(64, availableParallelism()), []])
  for (const wrong of ['0', '65', 'many', '1.5', '-1']) {
    const [, faults] = read(wrong)
    assert.equal(faults.length, 1, wrong)
    assert.match(faults[0]!, /GATEWAY_WORKERS/)
  }
})
