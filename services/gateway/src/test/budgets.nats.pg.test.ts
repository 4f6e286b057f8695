import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { DataOf, FluxgateEvent, TokensSettled } from '@fluxgate/contracts'
import { connectNats } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'
import { eventually } from '@fluxgate/testing'
import type { Gateway } from '../service.ts'
import { ADMIN_TOKEN, startGateways, type TestGateways } from './gateways.ts'
import { startModelServer } from './model-server.ts'

/** Of each call: what the model server reports. */
const CALL_TOKENS = 20
/** What a call reserves: 50, and 10 for the answer. */
const MAX_TOKENS = 10
const RESERVED = 60

const stack = new AsyncDisposableStack()
let directory: string
let gateways: TestGateways
let one: Gateway
let two: Gateway

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fluxgate-budgets-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const models = stack.use(await startModelServer(1))
  gateways = stack.use(await startGateways(['one', 'two'], { DOWNSTREAM_AI_URLS: models.url }))
  one = gateways.nodes[0]!
  two = gateways.nodes[1]!
})
after(() => stack.disposeAsync())

async function newKey(user: string): Promise<string> {
  return String((await gateways.admin('POST', '/admin/keys/generate', { user_id: user })).body.key)
}

async function call(node: Gateway, key: string, body: object = {}): Promise<Response> {
  const response = await fetch(`http://127.0.0.1:${node.publicPort}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', max_tokens: MAX_TOKENS, ...body }),
  })
  await response.arrayBuffer()
  return response
}

async function callAll(node: Gateway, key: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) assert.equal((await call(node, key)).status, 200)
}

interface BudgetView {
  readonly sums: { readonly loaded: boolean; readonly complete: boolean }
  readonly top: ReadonlyArray<{
    readonly holder: string
    readonly used: { readonly tokens: number; readonly usd: number }
    readonly buffered: { readonly tokens: number }
  }>
}

/** A budget as this node sees it. */
async function budgetAt(node: Gateway, name: string): Promise<BudgetView> {
  const response = await fetch(`http://127.0.0.1:${node.adminPort}/admin/budgets/${name}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  assert.equal(response.status, 200)
  return (await response.json()) as BudgetView
}

async function usedAt(node: Gateway, name: string, holder: string): Promise<number> {
  const { top } = await budgetAt(node, name)
  return top.find(each => each.holder === holder)?.used.tokens ?? 0
}

/** Puts a budget, and waits until every node has summed it up. */
async function putBudget(name: string, body: object): Promise<void> {
  const { status } = await gateways.admin('PUT', `/admin/budgets/${name}`, body)
  assert.ok(status === 200 || status === 201, `${status}`)
  await eventually(async () => {
    for (const node of [one, two]) assert.ok((await budgetAt(node, name)).sums.loaded)
  })
}

type Named<N extends string> = Extract<FluxgateEvent, { type: `fluxgate.${N}` }>
async function factsOf<N extends FluxgateEvent['type']>(stream: string, user: string, type: N) {
  const facts = await gateways.facts(stream, user)
  return facts.filter((fact): fact is Extract<FluxgateEvent, { type: N }> => fact.type === type)
}
const crossings = (user: string) => factsOf('TOKENS', user, 'fluxgate.tokens.budget_crossed')
const settlements = (user: string): Promise<Named<'tokens.settled'>[]> =>
  factsOf('TOKENS', user, 'fluxgate.tokens.settled')

describe('budgets over two gateways', () => {
  it('warn in a header, and once in the log, whoever sees it', async () => {
    const key = await newKey('ann')
    await putBudget('soft', {
      each: 'user',
      only: 'ann',
      period: 'month',
      tokens: 3 * CALL_TOKENS,
      warn_at: 0.5,
      action: 'warn',
    })
    assert.equal((await call(one, key)).headers.get('x-fluxgate-budget-warning'), null)
    await callAll(one, key, 1)
    for (const node of [one, two]) {
      await eventually(async () => {
        const warning = (await call(node, key)).headers.get('x-fluxgate-budget-warning')
        assert.match(warning ?? '', /^soft;unit=tokens;used=\d+;limit=60;reset=\d+$/)
      })
    }
    await callAll(two, key, 2)
    await eventually(async () => assert.equal((await crossings('ann')).length, 2))
    const used = CALL_TOKENS * (await settlements('ann')).length
    for (const node of [one, two]) {
      await eventually(async () => assert.equal(await usedAt(node, 'soft', 'ann'), used))
    }
    const reported = (await crossings('ann')).map(({ data }) => [data.level, data.used, data.holder])
    assert.deepEqual(reported, [
      ['soft', 2 * CALL_TOKENS, 'ann'],
      ['hard', 3 * CALL_TOKENS, 'ann'],
    ])
  })

  it('refuse with 402 at both when calls at one have used it up, streams counted too', async () => {
    const key = await newKey('bob')
    await putBudget('hard', { each: 'key', period: 'day', tokens: 2 * CALL_TOKENS + RESERVED - 1 })
    await callAll(one, key, 1)
    assert.equal((await call(one, key, { stream: true })).status, 200)
    // The other node refuses as soon as the log has told it of both.
    await eventually(async () => {
      const { top } = await budgetAt(two, 'hard')
      assert.equal(top.find(({ holder }) => holder.startsWith('bob.'))?.used.tokens, 2 * CALL_TOKENS)
    })
    for (const node of [one, two]) {
      const refused = await call(node, key)
      assert.deepEqual([refused.status, refused.headers.get('x-should-retry')], [402, 'false'])
    }
    await eventually(async () => assert.equal((await crossings('bob')).length, 1))
    const [hard] = await crossings('bob')
    assert.deepEqual([hard!.data.level, hard!.data.used, hard!.data.limit], ['hard', 40, 99])
    const facts = await factsOf('REQUESTS', 'bob', 'fluxgate.requests.refused')
    assert.deepEqual([facts[0]!.data.reason, facts[0]!.data.limit], ['over_budget', 'budget:hard'])
    assert.equal((await settlements('bob')).length, 2)
    // Another key has a budget of its own; with a larger one the first passes again.
    assert.equal((await call(one, await newKey('bob'))).status, 200)
    await putBudget('hard', { each: 'key', period: 'day', tokens: 1_000 })
    for (const node of [one, two]) assert.equal((await call(node, key)).status, 200)
    assert.equal((await gateways.admin('DELETE', '/admin/budgets/hard')).status, 204)
  })

  it('know of a new budget what was used before it came', async () => {
    const key = await newKey('cleo')
    await callAll(one, key, 3)
    await eventually(async () => assert.equal((await settlements('cleo')).length, 3))
    await putBudget('later', { each: 'user', only: 'cleo', period: 'week', tokens: 3 * CALL_TOKENS })
    for (const node of [one, two]) assert.equal((await call(node, key)).status, 402)
    assert.equal((await gateways.admin('DELETE', '/admin/budgets/later')).status, 204)
    for (const node of [one, two]) {
      await eventually(async () => assert.equal((await call(node, key)).status, 200))
    }
  })

  it('are of a tier too, whose users share it', async () => {
    const [gil, hal, ivy] = [await newKey('gil'), await newKey('hal'), await newKey('ivy')]
    for (const user_id of ['gil', 'hal']) {
      assert.equal((await gateways.admin('POST', '/admin/tier', { user_id, tier: 'pro' })).status, 200)
    }
    const tokens = 2 * CALL_TOKENS + RESERVED - 1
    await putBudget('shared', { each: 'tier', only: 'pro', period: 'week', tokens, status: 429 })
    await eventually(async () => {
      await call(one, gil)
      assert.equal(await usedAt(two, 'shared', 'pro'), 2 * CALL_TOKENS)
    })
    const refused = await call(two, hal)
    assert.deepEqual([refused.status, refused.headers.get('x-should-retry')], [429, 'false'])
    for (const node of [one, two]) assert.equal((await call(node, ivy)).status, 200)
    assert.equal((await gateways.admin('DELETE', '/admin/budgets/shared')).status, 204)
  })

  it('go by the price list of the moment', async () => {
    const key = await newKey('dan')
    const cost = (fact: { data: DataOf<typeof TokensSettled> }) => fact.data.costMicros
    await putBudget('money', { each: 'user', only: 'dan', period: 'month', usd: 0.01 })
    await callAll(one, key, 1)
    for (const [input, expected] of [
      [100, 3_000],
      [500, 7_000],
    ] as const) {
      const models = { 'm*': { input, output: 200 } }
      assert.equal((await gateways.admin('PUT', '/admin/prices', { models })).status, 200)
      assert.deepEqual((await gateways.admin('GET', '/admin/prices')).body, { models })
      const before = (await settlements('dan')).length
      await eventually(async () => {
        // A node hears of the list within moments; until then it asks the old price.
        const { status } = await call(one, key, { max_tokens: 1 })
        const costs = (await settlements('dan')).slice(before).map(cost)
        assert.ok(status === 402 || costs.includes(expected), `${status} ${costs}`)
        return true
      })
    }
    const refused = await eventually(async () => {
      const response = await call(one, key, { max_tokens: 1 })
      return response.status === 402 && response
    })
    assert.ok(refused)
    const policies = await factsOf('AUTH', 'all', 'fluxgate.auth.policy_changed')
    const changed = policies.filter(({ data }) => data.policy === 'prices')
    assert.deepEqual(
      changed.map(({ data }) => [data.actor, data.changes]),
      [
        ['admin', [{ path: '/models/m*', to: '{"input":100,"output":200}' }]],
        ['admin', [{ path: '/models/m*/input', from: '100', to: '500' }]],
      ],
    )
    const micros = (await settlements('dan')).reduce((sum, fact) => sum + (cost(fact) ?? 0), 0)
    await eventually(async () => {
      const { top } = await budgetAt(two, 'money')
      assert.equal(top[0]?.used.usd, micros / 1e6)
    })
    await gateways.admin('PUT', '/admin/prices', { models: {} })
  })
})

describe('a gateway that is started again', () => {
  it('has the same sums: from its checkpoint, from an old one, and from the log alone', async () => {
    const env = { FLUXGATE_DATA_DIR: join(directory, 'three') }
    const path = join(env.FLUXGATE_DATA_DIR, 'budgets', 'three.jsonl')
    const key = await newKey('eve')
    await putBudget('kept', { each: 'user', period: 'month', tokens: 1_000_000 })
    const expected = async () => CALL_TOKENS * (await settlements('eve')).length
    /** Calls, and stops the node in its usual order, by which it writes a checkpoint. */
    const run = async (calls: number): Promise<void> => {
      await using three = await gateways.start('three', env)
      await callAll(three, key, calls)
      await callAll(two, key, 1)
      await eventually(async () => assert.equal(await usedAt(three, 'kept', 'eve'), await expected()))
      assert.equal((await budgetAt(three, 'kept')).sums.complete, true)
    }
    await run(2)
    await cp(path, `${path}.old`)
    await callAll(two, key, 2)
    await run(3)
    // Killed: what it wrote last is some calls behind.
    await cp(`${path}.old`, path)
    await run(1)
    await writeFile(path, (await readFile(path, 'utf8')).slice(0, -20))
    await run(1)
    await rm(path)
    await run(1)
    assert.equal(await expected(), 15 * CALL_TOKENS)
    // A sum that the log does not have can only come from the checkpoint.
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('["eve",', '["ghost",7,0],["eve",'))
    await using three = await gateways.start('three', env)
    assert.equal(await usedAt(three, 'kept', 'ghost'), 7)
  })

  it('keeps what the log has dropped since; a budget that comes later says that it cannot know', async () => {
    const env = { FLUXGATE_DATA_DIR: join(directory, 'four') }
    const key = await newKey('fay')
    await putBudget('kept', { each: 'user', period: 'month', tokens: 1_000_000 })
    {
      await using four = await gateways.start('four', env)
      await callAll(four, key, 2)
      await eventually(async () => assert.equal(await usedAt(four, 'kept', 'fay'), 2 * CALL_TOKENS))
    }
    await using link = await connectNats(
      { url: gateways.nats.url, name: 'test' },
      createLog('test', 'silent'),
    )
    const { state } = await link.manager.streams.info('TOKENS')
    await link.manager.streams.purge('TOKENS', { seq: state.last_seq })
    await using four = await gateways.start('four', env)
    await callAll(four, key, 1)
    await eventually(async () => assert.equal(await usedAt(four, 'kept', 'fay'), 3 * CALL_TOKENS))
    assert.equal((await budgetAt(four, 'kept')).sums.complete, true)
    await gateways.admin('PUT', '/admin/budgets/late', { each: 'tier', period: 'month', tokens: 1_000_000 })
    await eventually(async () => {
      const { sums } = await budgetAt(four, 'late')
      assert.deepEqual([sums.loaded, sums.complete], [true, false])
    })
    const ready = await fetch(`http://127.0.0.1:${four.publicPort}/ready`)
    const { warnings } = (await ready.json()) as { warnings: { budgets: string } }
    assert.deepEqual([ready.status, warnings.budgets], [200, 'the sums of tier/month are lower bounds'])
  })
})
