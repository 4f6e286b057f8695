import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Attack, type Outcome, runFamily, tableOf } from './attack.ts'
import { outcomeOf } from './request.ts'
import type { Target } from './target.ts'

const attack = (name: string, kind: Outcome['kind']): Attack => ({
  name,
  api: 'gateway',
  run: async () => ({ kind, reported: 'what came' }),
})
const answer = (status: number, body = '') => ({ status, headers: {}, body })

test('reports an attack that gets through, and a system that is not healthy afterwards', async () => {
  const attacks = [attack('a', 'refused'), attack('b', 'harmless'), attack('c', 'wrong')]
  const target = { fault: async () => 'the gateway ended' } as Target
  const row = await runFamily(target, { name: 'f', inputs: 'i', attacks, parallel: 2 })
  assert.deepEqual(row, {
    family: 'f',
    inputs: 'i',
    tried: 3,
    refused: 1,
    harmless: 1,
    wrong: ['gateway, c: what came', 'afterwards: the gateway ended'],
  })
  assert.match(tableOf([row]), /\| f \| i \| 3 \| 1 \| 1 \| 2 \|\n\| all \| {2}\| 3 \| 1 \| 1 \| 2 \|$/)
})

test('an answer is judged by its status, its number and what it shows', () => {
  const kindOf = (answers: ReturnType<typeof answer>[], closed = false) =>
    outcomeOf({ answers, interim: [], closed, reset: false }).kind
  assert.equal(kindOf([answer(400)]), 'refused')
  assert.equal(kindOf([answer(503)]), 'refused')
  assert.equal(kindOf([], true), 'refused')
  assert.equal(kindOf([answer(200)]), 'harmless')
  assert.equal(kindOf([answer(500)]), 'wrong')
  assert.equal(kindOf([answer(200), answer(200)]), 'wrong')
  assert.equal(kindOf([]), 'wrong')
  assert.equal(kindOf([answer(400, 'Error: x\n    at f (file.js:1:2)')]), 'wrong')
})
