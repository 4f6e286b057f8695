import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { anthropic } from './anthropic.ts'
import {
  type Api,
  type Client,
  EMBEDDER,
  MODEL,
  PNG,
  QUESTION,
  type Run,
  TOOL_QUESTION,
  TOOL_SCHEMA,
} from './client.ts'
import { curlClient } from './curl.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { startSpoiler } from './spoiler.ts'
import { ResultTable } from './table.ts'
import { startTestEnv, type TestEnv } from './test-env.ts'
import { vercelAi } from './vercel-ai.ts'

const CLIENTS: readonly Client[] = [openai, anthropic, ollama, ...vercelAi, curlClient]
/** Sure to be in the middle of its answer when the client leaves. */
const SLOW = 'rate=20;tokens=4000'
const NO_IDENTITY = 'sk_live_notakeyofthisgatewaynotakeyofthisg'
const results = new ResultTable()
let env: TestEnv

/** A client's way through the gateway and its way to the model server itself. */
interface Ways {
  readonly gateway: Api
  readonly direct: Api
  readonly identity: string
}

async function waysOf(client: Client): Promise<Ways> {
  const user = client.name.replaceAll(/[^a-z]+/g, '-').replaceAll(/^-|-$/g, '')
  const { key, identity } = await env.newKey(user)
  return {
    gateway: { origin: env.origin, key },
    direct: { origin: env.simulator.url, key: 'none' },
    identity,
  }
}

/** What the model server was asked, without the option that the gateway puts in to learn the usage. */
function lastAsked(): unknown {
  const { method, path, body } = env.simulator.stats.last!
  const { stream_options: _ours, ...asked } = body as Record<string, unknown>
  return { method, path, asked }
}

async function assertUnchanged(
  { gateway, direct }: Pick<Ways, 'gateway' | 'direct'>,
  run: Run,
  name: string,
  feature: string,
): Promise<void> {
  const expected = await run(direct)
  const expectedAsked = lastAsked()
  const got = await run(gateway)
  assert.deepEqual(got, expected)
  assertReported(feature, JSON.stringify(got))
  // Lists of models and the like are answered by the gateway as it knows them.
  if (name !== 'list' && name !== 'tags') assert.deepEqual(lastAsked(), expectedAsked)
}

/** The same on both ways must not be nothing on both. */
function assertReported(feature: string, got: string): void {
  assert.ok(got.length > 2, 'an answer of nothing proves nothing')
  if (feature === 'images') assert.ok(JSON.stringify(lastAsked()).includes(PNG), 'the image came')
  if (feature === 'tool calls') assert.match(got, /get_weather.*city|city.*get_weather/)
}

/** What a client would have seen of a gateway that changes things must be found out. */
async function assertSpoiltSeen(client: Client): Promise<void> {
  const direct = { origin: env.simulator.url, key: 'none' }
  await using spoiler = await startSpoiler(direct.origin)
  const ways = { direct, gateway: { origin: spoiler.origin, key: 'none' } }
  for (const [feature, runs] of Object.entries(client.same)) {
    for (const [name, run] of Object.entries(runs)) {
      const what = `${feature}: ${name}`
      spoiler.side = 'answers'
      await assert.rejects(assertUnchanged(ways, run, name, feature), `${what} sees no changed answer`)
      await run(direct)
      const asked = JSON.stringify(lastAsked())
      if (!asked.includes(QUESTION) && !asked.includes(TOOL_QUESTION)) continue
      spoiler.side = 'requests'
      await assert.rejects(assertUnchanged(ways, run, name, feature), `${what} sees no changed request`)
    }
  }
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
  const [requests, tokens] = [await env.facts('REQUESTS'), await env.facts('TOKENS')]
  return { requests: requests.filter(about), tokens: tokens.filter(about) }
}

async function assertAbortSettled(client: Client, ways: Ways): Promise<void> {
  const { stats } = env.simulator
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
    assert.ok(own!.data.usage.output >= 2 && own!.data.usage.output < 200, `${own!.data.usage.output} tokens`)
    assert.ok(own!.data.usage.input > 5, `${own!.data.usage.input} tokens`)
  })
}

/** The stream ends in an error at the client, and not as if it were whole. */
async function assertBreakSeen(client: Client, ways: Ways, fault: string): Promise<void> {
  let pieces = 0
  const api = { ...ways.gateway, directives: `rate=200;fail=${fault}` }
  const error = await refusalOf(client.stream(api, () => pieces++, new AbortController().signal))
  assert.notEqual(error.name, 'AssertionError', error.message)
  assert.ok(pieces > 0, 'it had begun')
}

async function assertThrottled(client: Client, ways: Ways): Promise<void> {
  const order = { capacity: 0, refill_rate: 0, seconds: 3_600 }
  await env.admin('/admin/throttle', { identifier: ways.identity, ...order })
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
    env = await startTestEnv()
  })
  after(async () => {
    console.log(`\n${results.markdown()}\n`)
    await env[Symbol.asyncDispose]()
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
          check(feature, `${name} is unchanged`, () => assertUnchanged(ways, run, name, feature))
        }
      }
      it('would see whatever a gateway changed', () => assertSpoiltSeen(client))
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
        const error = await refusalOf(client.ask({ ...ways.gateway, key: NO_IDENTITY }))
        assert.equal(client.statusOf(error), 401, error.message)
        assert.match(error.message, /API key/)
      })
      check('throttled', '429 at once', () => assertThrottled(client, ways))
    })
  }

  it('streams in pieces and frames as each dialect has them', async () => {
    const { key } = await env.newKey('frames')
    const ask = async (path: string, body: object) => {
      const answer = await fetch(env.origin + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: MODEL, max_tokens: 99, ...body }),
      })
      return answer.text()
    }
    const messages = [{ role: 'user', content: TOOL_QUESTION }]
    const weather = { name: 'get_weather', parameters: TOOL_SCHEMA }
    const tools = [{ type: 'function', function: weather }]
    const chat = await ask('/v1/chat/completions', { messages, tools, stream: true })
    assert.ok(chat.split(/"arguments":"[^"]/).length > 3, chat)
    assert.ok(chat.endsWith('data: [DONE]\n\n'))

    const claude = { messages, tools: [{ name: 'get_weather', input_schema: TOOL_SCHEMA }], stream: true }
    const events = (await ask('/v1/messages', claude)).trimEnd().split('\n\n')
    for (const event of events) assert.match(event, /^event: (\w+)\ndata: \{"type":"\1"/)
    assert.ok(events.filter(event => event.includes('"input_json_delta"')).length > 2)
    assert.match(events.at(-1)!, /^event: message_stop/)

    const lines = (await ask('/api/chat', { messages: [{ role: 'user', content: QUESTION }] }))
      .trimEnd()
      .split('\n')
    const done = lines.map(line => (JSON.parse(line) as { done: boolean }).done)
    assert.ok(done.length > 3)
    assert.deepEqual(done, [...Array<boolean>(done.length - 1).fill(false), true])

    const embedded = async (encoding_format: string) => {
      const text = await ask('/v1/embeddings', { model: EMBEDDER, input: QUESTION, encoding_format })
      return (JSON.parse(text) as { data: [{ embedding: unknown }] }).data[0].embedding
    }
    const floats = (await embedded('float')) as number[]
    const bytes = Buffer.from((await embedded('base64')) as string, 'base64')
    assert.ok(floats.length > 8)
    assert.deepEqual(
      Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4)),
      floats,
    )
  })

  it('leaves one ending and one settlement for each admitted request', async () => {
    await eventually(async () => {
      const ids = (events: Awaited<ReturnType<TestEnv['facts']>>, pattern: RegExp) =>
        events
          .filter(event => pattern.test(event.type))
          .map(event => (event.data as { request: string }).request)
          .sort()
      const requests = await env.facts('REQUESTS')
      const admitted = ids(requests, /\.admitted$/)
      assert.ok(admitted.length > 100)
      assert.deepEqual(ids(requests, /\.(completed|failed|interrupted)$/), admitted)
      assert.deepEqual(ids(await env.facts('TOKENS'), /\.settled$/), admitted)
    })
  })
})
