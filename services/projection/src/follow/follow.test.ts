import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogEvent } from '@fluxgate/contracts'
import type { Slice } from '../tables/log.ts'
import { type Applied, DataError, PositionLost } from '../tables/outcome.ts'
import { type Batch, Intake } from './intake.timer.ts'
import { type ProjectorHooks, project } from './projector.timer.ts'

const limits = { bufferEvents: 10, batchEvents: 6, lingerMs: 30, retryMinMs: 1, retryMaxMs: 2 }

test('a take joins the oldest batches of all streams, one slice each', async () => {
  const intake = new Intake(limits)
  intake.begin('A', 0)
  intake.begin('B', 100)
  await intake.offer(batch('A', 1, 2, { storedAtMs: 10 }))
  await intake.offer(batch('B', 101, 101, { storedAtMs: 20 }))
  await intake.offer(batch('A', 3, 4, { storedAtMs: 30 }))
  await intake.offer(batch('B', 102, 103, { storedAtMs: 40 }))
  const shape = (slices: Slice[]) =>
    slices.map(slice => [slice.stream, slice.after, slice.last, slice.entries.length])
  assert.deepEqual(shape(await intake.take()), [
    ['A', 0, 4, 4],
    ['B', 100, 101, 1],
  ])
  assert.deepEqual(shape(await intake.take()), [['B', 101, 103, 2]])
})

test('readers wait while the buffer is full, and a take waits a little while there is more to read', async () => {
  const intake = new Intake(limits)
  intake.begin('A', 0)
  let offered = 0
  const offer = async (first: number, last: number) => {
    await intake.offer(batch('A', first, last, { pending: 99 }))
    offered++
  }
  void offer(1, 6)
  void offer(7, 12)
  await tick()
  assert.equal(offered, 1)
  assert.equal((await intake.take())[0]?.last, 6)
  await tick()
  assert.equal(offered, 2)
  const began = performance.now()
  await intake.take()
  void offer(13, 14)
  assert.equal((await intake.take())[0]?.last, 14)
  assert.ok(performance.now() - began >= limits.lingerMs - 2)
  intake.close()
  assert.deepEqual(await intake.take(), [])
})

test('a batch comes again until it is applied', async () => {
  const faults: unknown[] = []
  const applied = await run([batch('A', 1, 3)], {
    apply: async slices => {
      if (faults.length < 3) throw new Error('Postgres is away')
      return appliedOf(slices)
    },
    failed: error => faults.push(error),
  })
  assert.equal(faults.length, 3)
  assert.deepEqual(applied, [[1, 2, 3]])
})

test('an event that can never be stored is left out alone', async () => {
  const rejected: number[] = []
  const applied = await run([batch('A', 1, 7), batch('B', 1, 2)], {
    apply: async slices => {
      if (slices.some(slice => slice.entries.some(entry => entry.sequence === 5))) throw new DataError('no')
      return appliedOf(slices)
    },
    rejected: async (_, entry) => void rejected.push(entry.sequence),
  })
  assert.deepEqual(rejected, [5])
  assert.deepEqual(applied.flat().sort(), [1, 1, 2, 2, 3, 4, 6, 7])
})

test('events of a batch that can never be stored are left out, and the batch is applied as one', async () => {
  const rejected: string[] = []
  const cannotBe = ({ sequence, index }: LogEvent) => sequence === 2 && (index === 1 || index === 3)
  const inBatch = batch('A', 1, 3)
  const events = [1, 2, 2, 2, 2, 3].map((sequence, i) => ({ ...inBatch.events[0]!, sequence, index: i - 1 }))
  const applied = await run([{ ...inBatch, events }], {
    apply: async slices => {
      if (slices.some(slice => slice.entries.some(cannotBe))) throw new DataError('no')
      return appliedOf(slices)
    },
    rejected: async (_, entry) => void rejected.push(`${entry.sequence}.${entry.index}`),
  })
  assert.deepEqual(rejected, ['2.1', '2.3'])
  assert.deepEqual(applied, [[1], [2, 2], [3]])
})

test('a lost position ends in a restart, and the batch is dropped', async () => {
  let restarts = 0
  const applied = await run([batch('A', 1, 2)], {
    apply: async () => {
      throw new PositionLost('A', 0, 1)
    },
    restart: async () => {
      if (++restarts < 2) throw new Error('Postgres is still away')
    },
  })
  assert.equal(restarts, 2)
  assert.deepEqual(applied, [])
})

/** Projects these batches and returns the sequences that were applied, by transaction. */
async function run(batches: Batch[], overrides: Partial<ProjectorHooks>): Promise<number[][]> {
  const intake = new Intake(limits)
  const stop = new AbortController()
  const applied: number[][] = []
  for (const stream of ['A', 'B']) intake.begin(stream, 0)
  for (const each of batches) void intake.offer(each)
  const hooks = {
    apply: async (slices: readonly Slice[]) => appliedOf(slices),
    attempt: async (_: readonly Slice[]) => {},
    restart: async () => {},
    failed: () => {},
    rejected: async () => {},
    applied: () => {},
    ...overrides,
  }
  const { apply } = hooks
  hooks.attempt = async slices => void (await apply(slices))
  const recording = {
    ...hooks,
    async apply(slices: readonly Slice[]) {
      const result = await apply(slices)
      applied.push(slices.flatMap(slice => slice.entries.map(entry => entry.sequence)))
      return result
    },
  }
  const running = project(intake, limits, recording, stop.signal)
  await new Promise(done => setTimeout(done, 60))
  stop.abort()
  intake.close()
  await running
  return applied
}

function batch(
  stream: string,
  first: number,
  last: number,
  { storedAtMs = first, pending = 0 }: { storedAtMs?: number; pending?: number } = {},
): Batch {
  const events = Array.from({ length: last - first + 1 }, (_, i) => ({ sequence: first + i }) as LogEvent)
  return { stream, events, lastSequence: last, lastStoredAtMs: storedAtMs, pending }
}

function appliedOf(_: readonly Slice[]): Applied {
  return { streams: new Map(), skipped: 0, repeated: 0 }
}

function tick(): Promise<void> {
  return new Promise(done => setImmediate(done))
}
