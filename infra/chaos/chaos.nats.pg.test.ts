import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { MAIN } from './src/fault.ts'
import { FAULTS } from './src/faults.ts'
import { startTestEnv, type TestEnv } from './src/test-env.ts'
import { type History, runTrial, SHORT } from './src/trial.ts'

/** The faults that tell most in little time; `npm run chaos` strikes all of them, for longer. Poison stays, so it is last. */
const CHOSEN = [
  'all services killed',
  'nats-server killed',
  'nats-server frozen',
  'Postgres down',
  'gateway clock ±1 h',
  'poison messages',
]

describe('under load the log loses and doubles nothing, whatever is struck:', () => {
  let env: TestEnv
  const history: History = []
  before(async () => {
    env = await startTestEnv(MAIN)
  })
  after(() => env?.[Symbol.asyncDispose]())

  for (const name of CHOSEN) {
    it(name, async () => {
      const fault = FAULTS.find(each => each.name === name)
      assert.ok(fault, `the table has no ${name}`)
      const { complete, missing, doubled } = await runTrial(env, fault, SHORT, history)
      assert.ok(complete > 0)
      assert.deepEqual({ missing, doubled }, { missing: 0, doubled: 0 })
    })
  }
})
