import assert from 'node:assert/strict'
import { it } from 'node:test'
import { AcceptedKeys } from './accepted-keys.ts'

it('accepted keys are remembered up to their bound: the oldest pair is reported again', () => {
  const accepted = new AcceptedKeys(60_000, 3)
  for (let i = 0; i < 3; i++) assert.equal(accepted.use(`u${i}.k`, '192.0.2.1', 0), 1)
  assert.equal(accepted.use('u0.k', '192.0.2.1', 1), 0)
  for (let i = 3; i < 1_000; i++) assert.equal(accepted.use(`u${i}.k`, '192.0.2.1', 2), 1)
  assert.equal(accepted.use('u0.k', '192.0.2.1', 3), 1, 'forgotten')
  accepted.use('u0.k', '192.0.2.1', 4)
  accepted.use('u999.k', '192.0.2.1', 4)
  assert.equal([...accepted.rest()].length, 2)
})
