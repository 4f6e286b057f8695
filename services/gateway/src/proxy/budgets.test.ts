import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Budget, Prices } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import { budgetRefusal } from '../budgets/refusal.ts'
import { KEY, startStand, type TestStand, type Upstream } from './test-proxy.ts'

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
function putBudgets({ deps: { budgets } }: TestStand, list: readonly Budget[]): void {
  for (const ledger of budgets.setBudgets(list, Date.now())) ledger.reading = budgets.main
  budgets.markLoaded(budgets.main)
}

function post(stand: TestStand, body: object = {}, path = PATHS.openai, signal?: AbortSignal) {
  return fetch(stand.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', max_tokens: 50, messages: [], ...body }),
    ...(signal ? { signal } : {}),
  })
}

const standingOf = ({ deps: { budgets } }: TestStand) => {
  const { used, held } = budgets.ledgers()[0]!.standing('u1.k1', Date.now())
  return { used: used.tokens, held: held.tokens }
}

describe('a hard budget', () => {
  for (const [dialect, path] of Object.entries(PATHS)) {
    it(`that is used up refuses in the words of ${dialect}, before an upstream is asked`, async () => {
      let asked = 0
      await using stand = await startStand((...call) => {
        asked++
        unary(...call)
      })
      putBudgets(stand, [daily({ tokens: 20 })])
      const response = await post(stand, {}, path)
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
      const [refused] = stand.named('requests.refused')
      assert.deepEqual(
        [refused!.data.reason, refused!.data.status, refused!.data.limit],
        ['over_budget', 402, 'budget:daily'],
      )
      assert.deepEqual(
        stand.deps.budgets.crossings.takeUntold().map(({ level }) => level),
        ['hard'],
      )
    })
  }

  it('may answer 429, which says when its period ends, and not to retry', async () => {
    await using stand = await startStand(unary)
    putBudgets(stand, [daily({ tokens: 150, status: 429 })])
    assert.equal((await post(stand)).status, 200)
    const response = await post(stand)
    assert.deepEqual([response.status, response.headers.get('x-should-retry')], [429, 'false'])
    const seconds = Number(response.headers.get('retry-after'))
    assert.ok(seconds > 0 && seconds <= 86_400, `${seconds}`)
  })

  it('is held by what is in flight: 429 meanwhile, and free again when less was used', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using stand = await startStand(async (...call) => {
      await promise
      unary(...call)
    })
    putBudgets(stand, [daily({ tokens: 250 })])
    const first = post(stand, { max_tokens: 150 })
    await eventually(() => stand.running.size === 1)
    const second = await post(stand)
    assert.deepEqual(
      [second.status, second.headers.get('x-should-retry'), second.headers.get('retry-after')],
      [429, null, '1'],
    )
    assert.equal(((await second.json()) as { error: { code: string } }).error.code, 'budget_in_flight')
    assert.deepEqual(stand.deps.budgets.crossings.takeUntold(), [])
    resolve()
    assert.equal((await first).status, 200)
    assert.deepEqual(standingOf(stand), { used: 120, held: 0 })
    assert.equal((await post(stand)).status, 200)
  })

  it('that is being summed up answers 503 and when to come again', async () => {
    await using stand = await startStand(unary)
    stand.deps.budgets.setBudgets([daily()], Date.now())
    const response = await post(stand)
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
    await using stand = await startStand(unary)
    putBudgets(stand, [daily({ tokens: 0 })])
    const response = await fetch(`${stand.url}/api/ps`, { headers: { authorization: `Bearer ${KEY}` } })
    assert.equal(response.status, 200)
  })
})

describe('a reservation', () => {
  const stream: Upstream = (_request, response) => {
    response.writeHead(200, SSE)
    response.write('data: {"choices":[{"index":0,"delta":{"content":"one"}}]}\n\n')
  }
  const endings: Array<[what: string, upstream: Upstream, end: (stand: TestStand) => Promise<unknown>]> = [
    ['an answer that is complete', unary, async stand => (await post(stand)).text()],
    [
      'an upstream that refuses',
      (_request, response) => response.writeHead(400).end('{"error":{}}'),
      async stand => (await post(stand)).text(),
    ],
    ['an upstream that is lost', (_request, response) => response.destroy(), stand => post(stand)],
    [
      'a stream that breaks',
      (request, response, body) => {
        stream(request, response, body)
        setTimeout(() => response.destroy(), 20)
      },
      async stand => (await post(stand, { stream: true })).text(),
    ],
    [
      'a client that leaves',
      stream,
      async stand => {
        const leave = new AbortController()
        const response = await post(stand, { stream: true }, PATHS.openai, leave.signal)
        await response.body!.getReader().read()
        leave.abort()
      },
    ],
    [
      'a node that stops',
      stream,
      async stand => {
        const answer = await post(stand, { stream: true })
        for (const exchange of stand.running) exchange.interrupt('node', 'the node stops')
        await answer.text()
      },
    ],
  ]
  for (const [what, upstream, end] of endings) {
    it(`is given back after ${what}`, async () => {
      await using stand = await startStand(upstream)
      putBudgets(stand, [daily({ tokens: 4_000 })])
      await end(stand)
      await eventually(() => stand.named('tokens.settled').length === 1)
      const [settled] = stand.named('tokens.settled')
      assert.deepEqual(standingOf(stand), { used: settled!.data.total, held: 0 })
      const { budgets } = stand.deps
      budgets.fold(budgets.main, settled!.data, Date.parse(settled!.time), 1, Date.now())
      assert.deepEqual([standingOf(stand).used, budgets.holds], [settled!.data.total, 0])
    })
  }

  it('is not made for a call that its tier refuses', async () => {
    await using stand = await startStand(unary)
    putBudgets(stand, [daily()])
    stand.deps.limits.setPolicy(
      { tiers: { free: { capacity: 1_000, refillRate: 0, requestsPerMinute: 1 } }, identities: {} },
      performance.now(),
    )
    assert.equal((await post(stand)).status, 200)
    assert.equal((await post(stand)).status, 429)
    assert.deepEqual([standingOf(stand), stand.deps.budgets.holds], [{ used: 120, held: 0 }, 1])
  })
})

describe('a soft budget', () => {
  it('lets calls pass and says how it stands in headers', async () => {
    await using stand = await startStand(unary)
    putBudgets(stand, [daily({ action: 'warn', tokens: 200, warnAt: 0.5 })])
    const first = await post(stand)
    assert.equal(first.headers.get('x-fluxgate-budget-warning'), null)
    assert.equal(first.headers.get('x-fluxgate-budget-remaining-tokens'), '100')
    const second = await post(stand)
    assert.match(
      second.headers.get('x-fluxgate-budget-warning') ?? '',
      /^daily;unit=tokens;used=120;limit=200;reset=\d+$/,
    )
    assert.equal((await post(stand)).status, 200)
  })

  it('of somebody else is not told of', async () => {
    await using stand = await startStand((_request, response) => {
      response.setHeader('x-fluxgate-budget-warning', 'of another gateway')
      response.end('{}')
    })
    putBudgets(stand, [daily({ only: 'u2.k2' })])
    const response = await post(stand)
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
    await using stand = await startStand(
      async (...call) => {
        await promise
        unary(...call)
      },
      { prices },
    )
    putBudgets(stand, [daily({ tokens: 4_000, usd: 1 })])
    prices.setList({ models: { 'm*': { input: 3, output: 15, cachedInput: 0.3 } } })
    const answer = post(stand)
    await eventually(() => stand.running.size === 1)
    prices.setList({ models: { 'm*': { input: 1_000, output: 1_000 } } })
    resolve()
    assert.match((await answer).headers.get('x-fluxgate-budget-remaining-usd') ?? '', /^0\.99\d+$/)
    const [settled] = stand.named('tokens.settled')
    // 60 fresh, 40 cached, 20 of output.
    assert.deepEqual(
      [settled!.data.usage.cachedInput, settled!.data.costMicros],
      [40, 60 * 3 + 40 * 0.3 + 20 * 15],
    )
    const { used } = stand.deps.budgets.ledgers()[0]!.standing('u1.k1', Date.now())
    assert.equal(used.micros, 492)
    await post(stand)
    assert.equal(stand.named('tokens.settled')[1]!.data.costMicros, 120_000)
  })

  it('is held before it is known: a call that may cost more than is left is refused', async () => {
    const prices = new Prices()
    prices.setList({ models: { m: { input: 10, output: 1_000 } } })
    await using stand = await startStand(unary, { prices })
    putBudgets(stand, [{ name: 'money', each: 'user', period: 'month', usd: 0.04, action: 'refuse' }])
    const refused = await post(stand)
    assert.equal(refused.status, 402)
    assert.match(await refused.text(), /\$0 of \$0\.04/)
    assert.equal((await post(stand, { max_tokens: 30 })).status, 200)
    // What has no price costs nothing.
    assert.equal((await post(stand, { model: 'other' })).status, 200)
    assert.equal(stand.named('tokens.settled')[1]!.data.costMicros, undefined)
  })
})
