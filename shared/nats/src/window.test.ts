import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Window } from './window.ts'

test('holds and gives what a Map under the same numbers would', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 600 }) }) },
    { weight: 5, arbitrary: fc.record({ drop: fc.double({ min: 0, max: 1, noNaN: true }) }) },
    { weight: 1, arbitrary: fc.record({ clear: fc.constant(true) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const window = new Window<string>()
      const model = new Map<number, string>()
      let next = 0
      for (const step of steps) {
        if ('push' in step) {
          for (let i = 0; i < step.push; i++) {
            assert.equal(window.push(`item ${next}`), next)
            model.set(next, `item ${next++}`)
          }
        } else if ('drop' in step) {
          const before = next * step.drop
          for (const number of [...model.keys()].filter(number => number <= before)) {
            window.delete(number)
            model.delete(number)
          }
          window.delete(next)
        } else {
          window.clear()
          model.clear()
        }
        assert.equal(window.size, model.size)
        assert.deepEqual([...window.entries()], [...model])
        assert.equal(window.get(next), undefined)
      }
    }),
    { numRuns: 60 },
  )
})

test('one item that stays lets the ring grow, and is found again', () => {
  const window = new Window<number>()
  const first = window.push(-1)
  for (let i = 0; i < 10_000; i++) window.delete(window.push(i))
  assert.deepEqual([window.size, window.get(first), [...window]], [1, -1, [-1]])
})
