import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Backends, Call } from '../backends/backends.ts'
import { ToolError } from '../backends/tool-error.ts'
import { ToolRunner } from './run-tool.ts'
import { answered, defineTool, OPERATOR, type ToolAnswer } from './tool.ts'

const LIMITS = {
  callsPerMinute: 6_000,
  callBurst: 100,
  maxRunningCalls: 4,
  callTimeoutMs: 50,
  longCallTimeoutMs: 100,
  maxLongCallsOfSession: 1,
  maxLongCalls: 2,
}
const backends = { nowMs: () => 0 } as unknown as Backends

function tool(
  answer: (call: Call) => Promise<ToolAnswer<{ n: number }>>,
  effect: 'reads' | 'acts' = 'reads',
) {
  return defineTool({
    name: 'probe',
    title: 'Probe',
    description: 'A tool of the tests.',
    effect,
    input: z.strictObject({}),
    output: z.object({ n: z.int() }),
    answer: (_args, _backends, call) => answer(call),
  })
}

function bench(limits = LIMITS) {
  const lines: Array<Record<string, unknown>> = []
  const write = (fields: object, message: string) => lines.push({ ...fields, message })
  const runner = new ToolRunner(backends, limits, { info: write, warn: write, error: write })
  const context = { signal: new AbortController().signal, session: undefined, onProgress() {} }
  return { lines, runner, run: (each: ReturnType<typeof tool>) => runner.run(each, {}, OPERATOR, context) }
}

test('an answer holds what its schema names and nothing else', async () => {
  const { run, lines } = bench()
  const result = await run(tool(async () => answered({ n: 1, secret: 's' }, ['one', 'two'])))
  assert.deepEqual(result, { content: [{ type: 'text', text: 'one\ntwo' }], structuredContent: { n: 1 } })
  const [line] = lines
  assert.deepEqual([line?.tool, line?.actor, line?.outcome], ['probe', 'mcp:operator', 'answered'])
})

test('internal errors are not revealed; a user error has its own message', async () => {
  const { run, lines } = bench()
  const broken = await run(tool(() => Promise.reject(new Error('password=hunter2'))))
  assert.equal(broken.isError, true)
  assert.ok(!JSON.stringify(broken).includes('hunter2'))
  assert.ok(lines.some(({ message }) => String(message).includes('hunter2')))
  const away = await run(tool(() => Promise.reject(new ToolError('FLUXGATE_LOG_AWAY', 'The log is away.'))))
  assert.deepEqual(away.content, [{ type: 'text', text: 'The log is away.' }])
  const wrong = await run(tool(async () => answered({ n: 0.5 }, 'half')))
  assert.equal(wrong.isError, true, 'an answer that is not as promised is a fault of ours')
})

test('a call whose own machinery throws ends alone, and the runner still knows when none is left', async () => {
  let isBroken = true
  const nowMs = (): number => {
    if (isBroken) throw new Error('thrown by the clock')
    return 0
  }
  const runner = new ToolRunner({ nowMs } as unknown as Backends, LIMITS, {
    info() {},
    warn() {},
    error() {},
  })
  const context = { signal: new AbortController().signal, session: undefined, onProgress() {} }
  const probe = tool(async () => answered({ n: 1 }, 'one'))
  await assert.rejects(runner.run(probe, {}, OPERATOR, context), /thrown by the clock/)
  await runner.idle()
  isBroken = false
  assert.equal((await runner.run(probe, {}, OPERATOR, context)).isError, undefined)
})

test('a call that takes too long is given up, with advice that fits what it does', async () => {
  using _alive = keepAlive()
  const { run, lines } = bench()
  const endless = (effect: 'reads' | 'acts') =>
    tool(async ({ signal }) => {
      await sleep(10_000, undefined, { signal })
      return answered({ n: 1 }, 'late')
    }, effect)
  const read = await run(endless('reads'))
  assert.match(JSON.stringify(read.content), /Ask for less/)
  const order = await run(endless('acts'))
  assert.match(JSON.stringify(order.content), /in force all the same.*list_throttles/)
  assert.deepEqual(
    lines.map(({ outcome }) => outcome),
    ['timeout', 'timeout'],
  )
})

test('calls beside each other are limited, and the runner knows when none is left', async () => {
  const { runner, run } = bench({ ...LIMITS, callTimeoutMs: 5_000 })
  let release = () => {}
  const gate = new Promise<void>(resolve => {
    release = resolve
  })
  const waiting = tool(async () => {
    await gate
    return answered({ n: 1 }, 'one')
  })
  const running = Array.from({ length: 4 }, () => run(waiting))
  const fifth = await run(waiting)
  assert.match(JSON.stringify(fifth.content), /beside each other/)
  let idle = false
  const settled = runner.idle().then(() => {
    idle = true
  })
  await sleep(10)
  assert.equal(idle, false)
  release()
  await Promise.all(running)
  await settled
  assert.equal((await run(waiting)).isError, undefined)
})

test('a long call that is given up holds its place until its work has ended', async () => {
  // The time limit of a call keeps no process alive.
  using _alive = keepAlive()
  const { runner, run } = bench({ ...LIMITS, longCallTimeoutMs: 30 })
  const gate = Promise.withResolvers<void>()
  const long = {
    ...tool(async () => {
      await gate.promise
      return answered({ n: 1 }, 'late')
    }),
    long: true,
  }
  assert.match(JSON.stringify((await run(long)).content), /Ask for less/)
  assert.match(JSON.stringify((await run(long)).content), /runs already/)
  assert.equal((await run(tool(async () => answered({ n: 1 }, 'one')))).isError, undefined)
  gate.resolve()
  await runner.idle()
  assert.equal((await run(long)).isError, undefined)
})

function keepAlive(): Disposable {
  const timer = setInterval(() => {}, 1_000)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
