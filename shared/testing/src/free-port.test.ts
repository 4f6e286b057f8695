import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { eventually, freePort, TestClock } from './index.ts'

test('a free port lies below the range of outgoing connections', async () => {
  const port = await freePort()
  assert.ok(port >= 12_000 && port < 32_768)
})

test('a free port is given once, though nothing listens on it', async () => {
  const random = mock.method(Math, 'random', () => 0.123456)
  try {
    assert.ok(await freePort())
    await assert.rejects(freePort(), /no free port found/)
  } finally {
    random.mock.restore()
  }
})

test('eventually takes predicates and assertions, and tells the last fault', async () => {
  let calls = 0
  assert.equal(await eventually(() => ++calls > 2, { everyMs: 1 }), true)
  assert.equal(calls, 3)
  const failing = eventually(() => assert.equal(calls, 4, 'not four'), { timeoutMs: 5, everyMs: 1 })
  await assert.rejects(failing, /not within 5 ms: not four/)
})

test('the clock moves only when set, and its functions may be passed unbound', () => {
  const clock = new TestClock(1_000)
  const { nowMs } = clock
  clock.advance(50)
  assert.equal(nowMs(), 1_050)
})
