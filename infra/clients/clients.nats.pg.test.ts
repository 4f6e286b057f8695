import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { anthropic } from './anthropic.ts'
import type { Client, Face, Run } from './client.ts'
import { curlClient } from './curl.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { type Stand, startStand } from './stand.ts'
import { ResultTable } from './table.ts'
import { vercelAi } from './vercel-ai.ts'

const CLIENTS: readonly Client[] = [openai, anthropic, ollama, ...vercelAi, curlClient]
/** Sure to be in the middle of its answer when the client leaves. */
const SLOW = 'rate=20;tokens=4000'
const NOBODY = 'sk_live_notakeyofthisgatewaynotakeyofthisg'
const results = new ResultTable()
let stand: Stand

/** A client's way through the gateway and its way to the model server itself. */
interface Ways {
  readonly gateway: Face
  readonly direct: Face
  readonly identity: string
}

async function waysOf(client: Client): Promise<Ways> {
  const user = client.name.replaceAll(/[^a-z]+/g, '-').replaceAll(/^-|-$/g, '')
  const { key, identity } = await stand.newKey(user)
  return {
    gateway: { origin: stand.origin, key },
    direct: { origin: stand.simulator.url, key: 'none' },
    identity,
  }
}

/** What the model server was asked, without the option that the gateway puts in to learn the usage. */
function lastAsked(): unknown {
  const { method, path, body } = stand.simulator.stats.last!
  const { stream_options: _ours, ...asked } = body as Record<string, unknown>
  return { method, path, asked }
}

async function assertUnchanged({ gateway, direct }: Ways, run: Run, name: string): Promise<void> {
  const expected = await run(direct)
  const expectedAsked = lastAsked()
  const got = await run(gateway)
  assert.deepEqual(got, expected)
  assert.ok(JSON.stringify(got).length > 2, 'an answer of nothing proves nothing')
  // Lists of models and the like are answered by the gateway as it knows them.
  if (name !== 'list' && name !== 'tags') assert.deepEqual(lastAsked(), expectedAsked)
}

async function refusalOf(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => assert.fail('it was answered'),
    (error: Error) => error,
  )
}

async function assertSameRefusal(
  client: Client,
  ways: Ways,
  directives: string,
  status: number,
  model?: string,
): Promise<void> {
  const [got, expected] = [
    await refusalOf(client.ask({ ...ways.gateway, directives }, model)),
    await refusalOf(client.ask({ ...ways.direct, directives }, model)),
  ]
  assert.equal(client.statusOf(got), status, got.message)
  assert.equal(got.message, expected.message)
  assert.equal(got.name, expected.name)
}

async function factsOf(user: string) {
  const about = (event: { data: unknown }) => (event.data as { user?: string }).user === user
  const [requests, tokens] = [await stand.facts('REQUESTS'), await stand.facts('TOKENS')]
  return { requests: requests.filter(about), tokens: tokens.filter(about) }
}

async function assertAbortSettled(client: Client, ways: Ways): Promise<void> {
  const { stats } = stand.simulator
  const cancelled = stats.cancelled
  const leave = new AbortController()
  let pieces = 0
  let leftMs = 0
  const onPiece = () => {
    if (++pieces !== 3) return
    leftMs = performance.now()
    leave.abort()
  }
  await client.stream({ ...ways.gateway, directives: SLOW }, onPiece, leave.signal).catch(() => {})
  assert.ok(leftMs > 0, 'the client had left')
  await eventually(() => stats.cancelled === cancelled + 1, { everyMs: 2 })
  // 100 ms are promised; a busy machine gets more.
  assert.ok(performance.now() - leftMs < 2_000, `${performance.now() - leftMs} ms`)
  const user = ways.identity.split('.')[0]!
  await eventually(async () => {
    const { requests, tokens } = await factsOf(user)
    const interrupted = requests.filter(event => event.type === 'fluxgate.requests.interrupted')
    assert.equal(interrupted.length, 1)
    const { request, by } = interrupted[0]!.data
    assert.equal(by, 'client')
    const settled = tokens.filter(event => event.type === 'fluxgate.tokens.settled')
    const [own, ...more] = settled.filter(event => event.data.request === request)
    assert.equal(more.length, 0)
    assert.equal(own!.data.source, 'counted')
    // Three pieces were read; a few more may have been on their way.
    assert.ok(own!.data.completion >= 2 && own!.data.completion < 200, `${own!.data.completion} tokens`)
    assert.ok(own!.data.prompt > 5, `${own!.data.prompt} tokens`)
  })
}

/** The stream ends in an error at the client, and not as if it were whole. */
async function assertBreakSeen(client: Client, ways: Ways, fault: string): Promise<void> {
  let pieces = 0
  const face = { ...ways.gateway, directives: `rate=200;fail=${fault}` }
  const error = await refusalOf(client.stream(face, () => pieces++, new AbortController().signal))
  assert.notEqual(error.name, 'AssertionError', error.message)
  assert.ok(pieces > 0, 'it had begun')
}

async function assertThrottled(client: Client, ways: Ways): Promise<void> {
  const order = { capacity: 0, refill_rate: 0, seconds: 3_600 }
  await stand.admin('/admin/throttle', { identifier: ways.identity, ...order })
  // Libraries that pace their repeats themselves are asked for none.
  const retries = client === openai || client === anthropic ? 2 : 0
  await eventually(async () => {
    const startedMs = performance.now()
    const error = await refusalOf(client.ask(ways.gateway, undefined, retries))
    assert.equal(client.statusOf(error), 429, error.message)
    assert.match(error.message, /throttled/)
    assert.ok(performance.now() - startedMs < 20_000, 'the client slept')
  })
}

describe('real clients through the gateway', () => {
  before(async () => {
    stand = await startStand()
  })
  after(async () => {
    console.log(`\n${results.markdown()}\n`)
    await stand[Symbol.asyncDispose]()
  })

  for (const client of CLIENTS) {
    describe(client.name, () => {
      let ways: Ways
      before(async () => {
        ways = await waysOf(client)
      })
      const check = (feature: string, name: string, body: () => Promise<void>) =>
        it(`${feature}: ${name}`, () => results.check(client.name, feature, body))

      for (const [feature, runs] of Object.entries(client.same)) {
        for (const [name, run] of Object.entries(runs)) {
          check(feature, `${name} is unchanged`, () => assertUnchanged(ways, run, name))
        }
      }
      check('abort in the middle', 'the upstream stops and what came is settled', () =>
        assertAbortSettled(client, ways),
      )
      check('error of the upstream', '400 comes as it was said', () =>
        assertSameRefusal(client, ways, 'fail=status:400', 400),
      )
      check('error of the upstream', '503 comes as it was said', () =>
        assertSameRefusal(client, ways, 'fail=status:503', 503),
      )
      check('broken stream', 'a lost connection is an error', () =>
        assertBreakSeen(client, ways, 'reset-after:5'),
      )
      check('broken stream', "the upstream's own error frame is an error", () =>
        assertBreakSeen(client, ways, 'error-after:5'),
      )
      check('unknown model', '404', () => assertSameRefusal(client, ways, '', 404, 'no-such-model'))
      check('wrong key', '401', async () => {
        const error = await refusalOf(client.ask({ ...ways.gateway, key: NOBODY }))
        assert.equal(client.statusOf(error), 401, error.message)
        assert.match(error.message, /API key/)
      })
      check('throttled', '429 at once', () => assertThrottled(client, ways))
    })
  }

  it('leaves one ending and one settlement for each admitted request', async () => {
    await eventually(async () => {
      const ids = (events: Awaited<ReturnType<Stand['facts']>>, pattern: RegExp) =>
        events
          .filter(event => pattern.test(event.type))
          .map(event => (event.data as { request: string }).request)
          .sort()
      const requests = await stand.facts('REQUESTS')
      const admitted = ids(requests, /\.admitted$/)
      assert.ok(admitted.length > 100)
      assert.deepEqual(ids(requests, /\.(completed|failed|interrupted)$/), admitted)
      assert.deepEqual(ids(await stand.facts('TOKENS'), /\.settled$/), admitted)
    })
  })
})
