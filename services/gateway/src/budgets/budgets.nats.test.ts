import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { type Budget, eventMaker, TokensSettled } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'
import { eventually, testNats } from '@fluxgate/testing'
import { ulid } from 'ulid'
import { openBudgets } from './budgets.nats.ts'

const log = createLog('gateway', 'silent')
const LIMITS = {
  maxBudgetHolders: 100,
  maxBudgetHolds: 100,
  budgetLoadingMs: 60_000,
  budgetStartMs: 10_000,
  budgetCheckpointMs: 60_000,
}
const DAILY: Budget = { name: 'daily', each: 'key', period: 'day', tokens: 100_000, action: 'refuse' }

/** A log, a publisher into it, and the budgets of a gateway that follows it. */
async function openBench() {
  const stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-budgets-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const server = stack.use(await testNats())
  const link = stack.use(await connectNats({ url: server.url, name: 'test' }, log))
  await ensureTopology(link)
  const publisher = stack.use(new EventPublisher(link))
  const make = eventMaker('/test/1', ulid, Date.now)
  const settle = (request: string, total: number) =>
    publisher.publish(
      make(TokensSettled, {
        request,
        user: 'u1',
        key: 'k1',
        tier: 'free',
        refillRate: 100,
        model: 'm',
        upstream: 'up',
        usage: { input: 0, output: total },
        total,
        reserved: total,
        progressed: 0,
        source: 'reported',
      }),
    )
  const tools = {
    path: join(directory, 'budgets.json'),
    limits: LIMITS,
    make,
    epochMs: Date.now,
    log,
    append() {},
  }
  const open = async () => stack.use(await openBudgets(link, tools))
  return { link, settle, open, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

it('a settlement whose fold throws is skipped and counted, and its neighbours are in the sums', async () => {
  await using bench = await openBench()
  const { settle } = bench
  await Promise.all([
    settle('req_000000000001', 10),
    settle('req_00000000000b', 100),
    settle('req_000000000003', 20),
  ])

  const budgets = await bench.open()
  const { table } = budgets
  const fold = table.fold.bind(table)
  table.fold = (reading, fact, ...rest) => {
    if (fact.request === 'req_00000000000b') throw new Error('thrown by the ledger')
    fold(reading, fact, ...rest)
  }
  budgets.setBudgets([DAILY])
  assert.ok(await budgets.whenLoaded(10_000))
  await settle('req_000000000004', 5)
  const used = () => table.ledgers()[0]!.standing('u1.k1', Date.now()).used.tokens
  await eventually(() => assert.equal(used(), 35))
  assert.equal(budgets.skipped, 1)
  assert.match(budgets.fault ?? '', /lower bounds/)
})

it('the sums go on over a stream that was made anew and is still empty', async () => {
  await using bench = await openBench()
  const { link, settle } = bench
  for (let i = 1; i <= 5; i++) await settle(`req_00000000000${i}`, 10)
  const budgets = await bench.open()
  budgets.setBudgets([DAILY])
  assert.ok(await budgets.whenLoaded(10_000))
  const used = () => budgets.table.ledgers()[0]!.standing('u1.k1', Date.now()).used.tokens
  assert.equal(used(), 50)

  const { config } = await link.manager.streams.info('TOKENS')
  await link.manager.streams.delete('TOKENS')
  await link.manager.streams.add(config)
  // The reader has come back, and has found nothing yet.
  await eventually(async () => {
    const consumers = await link.manager.consumers.list('TOKENS').next()
    assert.ok(consumers.length > 0)
  })
  for (let i = 6; i <= 8; i++) await settle(`req_00000000000${i}`, 100)
  await eventually(() => assert.equal(used(), 350))
})
