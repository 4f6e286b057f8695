import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { createLog } from '@fluxgate/runtime'
import { eventually } from '@fluxgate/testing'
import type { WorkerProcess } from './worker.process.ts'
import { Workers } from './workers.process.ts'

const PORTS = { publicPort: 1, adminPort: 2 }
const log = createLog('test', 'silent')

/** Workers in name only: a test ends them, and a signal does. */
class FakeWorkers {
  readonly started: string[] = []
  readonly ends: Array<(how: string) => void> = []
  /** How many of the next starts fail. */
  failing = 0

  readonly start = (name: string): WorkerProcess => {
    this.started.push(name)
    const { promise: ended, resolve: end } = Promise.withResolvers<string>()
    this.ends.push(end)
    const isFailing = this.failing-- > 0
    if (isFailing) end('exit code 1')
    const ready = isFailing
      ? Promise.reject(new Error('ended at its start: exit code 1'))
      : Promise.resolve(PORTS)
    ready.catch(() => {})
    return { pid: this.started.length, ready, ended, kill: signal => end(signal) }
  }
}

describe('Workers', () => {
  it('starts a worker again after a pause that doubles while it ends at its start', async () => {
    const fake = new FakeWorkers()
    await using workers = new Workers(['gw-1'], fake.start, log)
    await workers.startAll()
    const pauses: number[] = []
    const mocked = mock.method(log, 'error', (fields: { wait?: number }) => {
      if (fields.wait !== undefined) pauses.push(fields.wait)
    })
    try {
      fake.failing = 1
      fake.ends[0]!('SIGKILL')
      await eventually(() => assert.equal(workers.slots[0]!.restarts, 2), { timeoutMs: 20_000 })
      assert.deepEqual(pauses, [1_000, 2_000])
      assert.deepEqual(workers.slots[0]!.ports, PORTS)
    } finally {
      mocked.mock.restore()
    }
  })

  it('restarts one after another without a pause, and stops all of them at its end', async () => {
    const fake = new FakeWorkers()
    const workers = new Workers(['gw-1', 'gw-2'], fake.start, log)
    await workers.startAll()
    await workers.restartAll()
    assert.deepEqual(fake.started, ['gw-1', 'gw-2', 'gw-1', 'gw-2'])
    await workers[Symbol.asyncDispose]()
    assert.equal(fake.started.length, 4)
  })

  it('does not start when one worker cannot', async () => {
    const fake = new FakeWorkers()
    fake.failing = 1
    await using workers = new Workers(['gw-1', 'gw-2'], fake.start, log)
    await assert.rejects(workers.startAll(), { message: 'worker gw-1 ended at its start: exit code 1' })
    assert.deepEqual(fake.started, ['gw-1'])
  })
})
