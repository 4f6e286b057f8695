import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Budget, Prices } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import { budgetRefusal } from '../budgets/refusal.ts'
import { KEY, startTestEnv, type TestEnv, type Upstream } from './test-proxy.ts'

const USAGE = {
  prompt_tokens: 100,
  completion_tokens: 20,
  total_tokens: 120,
  prompt_tokens_details: { cached_tokens: 40 },
}
const PATHS = { openai: '/v1/chat/completions', anthropic: '/v1/messages', ollama: '/api/chat' }
const SSE = { 'content-type': 'text/event-stream' }

const unary: Upstream = (_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ choices: [{ message: { content: 'hi' } }], usage: USAGE }))
}

const daily = (rest: Partial<Budget> = {}): Budget => {
  return { name: 'daily', each: 'key', period: 'day', tokens: 1_000, action: 'refuse', ...rest }
}

/** Budgets that have read a log in which nothing was used. */
function putBudgets({ deps: { budgets } }: TestEnv, list: readonly Budget[]): void {
  for (const ledger of budgets.setBudgets(list, Date.now())) ledger.reading = budgets.main
  budgets.markLoaded(budgets.main)
}

function post(env: TestEnv, body: object = {}, path = PATHS.openai, signal?: AbortSignal) {
  return fetch(env.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', max_tokens: 50, messages: [], ...body }),
    ...(signal ? { signal } : {}),
  })
}

const useOf = ({ deps: { budgets } }: TestEnv) => {
  const { used, held } = budgets.ledgers()[0]!.standing('u1.k1', Date.now())
  return { used: used.tokens, held: held.tokens }
}

describe('a hard budget', () => {
  for (const [dialect, path] of Object.entries(PATHS)) {
    it(`that is used up refuses in the words of ${dialect}, before an upstream is asked`, async () => {
      let asked = 0
      await using env = await startTestEnv((...call) => {
        asked++
        unary(...call)
      })
      putBudgets(env, [daily({ tokens: 20 })])
      const response = await post(env, {}, path)
      assert.deepEqual(
        [response.status, response.headers.get('x-should-retry'), response.headers.get('retry-after'), asked],
        [402, 'false', null, 0],
      )
      const body = (await response.json()) as { error: Record<string, unknown> | string }
      const message = typeof body.error === 'string' ? body.error : body.error.message
      assert.match(String(message), /Budget "daily": 0 of 20 tokens/)
      if (dialect === 'openai') {
        assert.deepEqual(body, {
          error: { message, type: 'insufficient_quota', param: null, code: 'insufficient_quota' },
        })
      } else if (dialect === 'anthropic') {
        assert.equal((body.error as Record<string, unknown>).type, 'billing_error')
      } else assert.equal(typeof body.error, 'string')
      const [refused] = env.named('requests.refused')
      assert.deepEqual(
        [refused!.data.reason, refused!.data.status, refused!.data.limit],
        ['over_budget', 402, 'budget:daily'],
      )
      assert.deepEqual(
        env.deps.budgets.crossings.takeUnreported().map(({ level }) => level),
        ['hard'],
      )
    })
  }

  it('may answer 429, which says when its period ends, and not to retry', async () => {
    await using env = await startTestEnv(unary)
    putBudgets(env, [daily({ tokens: 150, status: 429 })])
    assert.equal((await post(env)).status, 200)
    const response = await post(env)
    assert.deepEqual([response.status, response.headers.get('x-should-retry')], [429, 'false'])
    const seconds = Number(response.headers.get('retry-after'))
    assert.ok(seconds > 0 && seconds <= 86_400, `${seconds}`)
  })

  it('is held by what is in flight: 429 meanwhile, and free again when less was used', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using env = await startTestEnv(async (...call) => {
      await promise
      unary(...call)
    })
    putBudgets(env, [daily({ tokens: 250 })])
    const first = post(env, { max_tokens: 150 })
    await eventually(() => env.running.size === 1)
    const second = await post(env)
    assert.deepEqual(
      [second.status, second.headers.get('x-should-retry'), second.headers.get('retry-after')],
      [429, null, '1'],
    )
    assert.equal(((await second.json()) as { error: { code: string } }).error.code, 'budget_in_flight')
    assert.deepEqual(env.deps.budgets.crossings.takeUnreported(), [])
    resolve()
    assert.equal((await first).status, 200)
    assert.deepEqual(useOf(env), { used: 120, held: 0 })
    assert.equal((await post(env)).status, 200)
  })

  it('that is being summed up answers 503 and when to come again', async () => {
    await using env = await startTestEnv(unary)
    env.deps.budgets.setBudgets([daily()], Date.now())
    const response = await post(env)
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1'])
    assert.equal(((await response.json()) as { error: { code: string } }).error.code, 'budget_loading')
  })

  it('says so when more calls are in flight than can be held', () => {
    const refusal = budgetRefusal({ kind: 'full' }, { tokens: 1, micros: 0 }, 0)
    assert.deepEqual(
      [refusal.reason, refusal.code, refusal.retryAfterMs],
      ['unavailable', 'budgets_full', 1_000],
    )
  })

  it('lets what asks for no tokens pass', async () => {
    await using env = await startTestEnv(unary)
    putBudgets(env, [daily({ tokens: 0 })])
    const response = await fetch(`${env.url}/api/ps`, { headers: { authorization: `Bearer ${KEY}` } })
    assert.equal(response.status, 200)
  })
})

describe('a reservation', () => {
  const stream: Upstream = (_request, response) => {
    response.writeHead(200, SSE)
    response.write('data: {"choices":[{"index":0,"delta":{"content":"one"}}]}\n\n')
  }
  const endings: Array<[what: string, upstream: Upstream, end: (env: TestEnv) => Promise<unknown>]> = [
    ['an answer that is complete', unary, async env => (await post(env)).text()],
    [
      'an upstream that refuses',
      (_request, response) => response.writeHead(400).end('{"error":{}}'),
      async env => (await post(env)).text(),
    ],
    ['an upstream that is lost', (_request, response) => response.destroy(), env => post(env)],
    [
      'a stream that breaks',
      (request, response, body) => {
        stream(request, response, body)
        setTimeout(() => response.destroy(), 20)
      },
      async env => (await post(env, { stream: true })).text(),
    ],
    [
      'a client that leaves',
      stream,
      async env => {
        const leave = new AbortController()
        const response = await post(env, { stream: true }, PATHS.openai, leave.signal)
        await response.body!.getReader().read()
        leave.abort()
      },
    ],
    [
      'a node that stops',
      stream,
      async env => {
        const answer = await post(env, { stream: true })
        for (const exchange of env.running) exchange.interrupt('node', 'the node stops')
        await answer.text()
      },
    ],
  ]
  for (const [what, upstream, end] of endings) {
    it(`is given back after ${what}`, async () => {
      await using env = await startTestEnv(upstream)
      putBudgets(env, [daily({ tokens: 4_000 })])
      await end(env)
      await eventually(() => env.named('tokens.settled').length === 1)
      const [settled] = env.named('tokens.settled')
      assert.deepEqual(useOf(env), { used: settled!.data.total, held: 0 })
      const { budgets } = env.deps
      budgets.fold(budgets.main, settled!.data, Date.parse(settled!.time), 1, Date.now())
      assert.deepEqual([useOf(env).used, budgets.holds], [settled!.data.total, 0])
    })
  }

  it('is not made for a call that its tier refuses', async () => {
    await using env = await startTestEnv(unary)
    putBudgets(env, [daily()])
    env.deps.limits.setPolicy(
      { tiers: { free: { capacity: 1_000, refillRate: 0, requestsPerMinute: 1 } }, identities: {} },
      performance.now(),
    )
    assert.equal((await post(env)).status, 200)
    assert.equal((await post(env)).status, 429)
    assert.deepEqual([useOf(env), env.deps.budgets.holds], [{ used: 120, held: 0 }, 1])
  })
})

describe('a soft budget', () => {
  it('lets calls pass and reports its use in headers', async () => {
    await using env = await startTestEnv(unary)
    putBudgets(env, [daily({ action: 'warn', tokens: 200, warnAt: 0.5 })])
    const first = await post(env)
    assert.equal(first.headers.get('x-fluxgate-budget-warning'), null)
    assert.equal(first.headers.get('x-fluxgate-budget-remaining-tokens'), '100')
    const second = await post(env)
    assert.match(
      second.headers.get('x-fluxgate-budget-warning') ?? '',
      /^daily;unit=tokens;used=120;limit=200;reset=\d+$/,
    )
    assert.equal((await post(env)).status, 200)
  })

  it('of another user is not revealed', async () => {
    await using env = await startTestEnv((_request, response) => {
      response.setHeader('x-fluxgate-budget-warning', 'of another gateway')
      response.end('{}')
    })
    putBudgets(env, [daily({ only: 'u2.k2' })])
    const response = await post(env)
    assert.deepEqual(
      [...response.headers.keys()].filter(name => name.startsWith('x-fluxgate-budget')),
      [],
    )
  })
})

describe('a price', () => {
  it('makes the cost of a settlement, cached tokens at their own, by the list at the admission', async () => {
    const prices = new Prices()
    const { promise, resolve } = Promise.withResolvers<void>()
    await using env = await startTestEnv(
      async (...call) => {
        await promise
        unary(...call)
      },
      { prices },
    )
    putBudgets(env, [daily({ tokens: 4_000, usd: 1 })])
    prices.setList({ models: { 'm*': { input: 3, output: 15, cachedInput: 0.3 } } })
    const answer = post(env)
    await eventually(() => env.running.size === 1)
    prices.setList({ models: { 'm*': { input: 1_000, output: 1_000 } } })
    resolve()
    assert.match((await answer).headers.get('x-fluxgate-budget-remaining-usd') ?? '', /^0\.99\d+$/)
    const [settled] = env.named('tokens.settled')
    // 60 fresh, 40 cached, 20 of output.
    assert.deepEqual(
      [settled!.data.usage.cachedInput, settled!.data.costMicros],
      [40, 60 * 3 + 40 * 0.3 + 20 * 15],
    )
    const { used } = env.deps.budgets.ledgers()[0]!.standing('u1.k1', Date.now())
    assert.equal(used.micros, 492)
    await post(env)
    assert.equal(env.named('tokens.settled')[1]!.data.costMicros, 120_000)
  })

  it('is held before it is known: a call that may cost more than is left is refused', async () => {
    const prices = new Prices()
    prices.setList({ models: { m: { input: 10, output: 1_000 } } })
    await using env = await startTestEnv(unary, { prices })
    putBudgets(env, [{ name: 'money', each: 'user', period: 'month', usd: 0.04, action: 'refuse' }])
    const refused = await post(env)
    assert.equal(refused.status, 402)
    assert.match(await refused.text(), /\$0 of \$0\.04/)
    assert.equal((await post(env, { max_tokens: 30 })).status, 200)
    // What has no price costs nothing.
    assert.equal((await post(env, { model: 'other' })).status, 200)
    assert.equal(env.named('tokens.settled')[1]!.data.costMicros, undefined)
  })
})
