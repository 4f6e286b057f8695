import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { CHAT, KEY, post, startTestEnv, type TestEnv, type Upstream } from './test-proxy.ts'

const SSE = { 'content-type': 'text/event-stream' }
const REPORTED = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const PIECE = 'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
const USAGE = `data: ${JSON.stringify({ choices: [], usage: REPORTED })}\n\n`
const DONE = 'data: [DONE]\n\n'

/** Sends the parts one by one; `ends` says whether the answer ends behind them. */
function sending(parts: readonly string[], headers: Record<string, string> = SSE, ends = true): Upstream {
  return async (_request, response) => {
    response.writeHead(200, headers)
    for (const part of parts) {
      await new Promise(resolve => response.write(part, resolve))
      await turn()
    }
    if (ends) response.end()
  }
}

const stream = (env: TestEnv, path = CHAT, more: object = {}) =>
  post(env, path, { model: 'm', stream: true, messages: [], ...more })
const failures = (env: TestEnv) => env.named('requests.failed').map(({ data }) => data.code)
const totals = (env: TestEnv) => env.named('tokens.settled').map(({ data }) => data.total)

describe('a stream', () => {
  it('is whole at its last event, although the server leaves the connection open', async () => {
    await using env = await startTestEnv(sending([PIECE, USAGE, DONE], SSE, false))
    const response = await stream(env)
    assert.equal(await response.text(), PIECE + DONE)
    assert.equal(env.named('requests.completed').length, 1)
    assert.deepEqual(totals(env), [15])
    assert.equal(env.running.size, 0)
  })

  it('is whole at its last event without usage too, which is waited for only for a while', async () => {
    await using env = await startTestEnv(sending([PIECE, DONE], SSE, false))
    assert.equal(await (await stream(env)).text(), PIECE + DONE)
    assert.deepEqual([env.named('requests.completed').length, failures(env)], [1, []])
  })

  it('gives its usage behind the last event', async () => {
    await using env = await startTestEnv(sending([PIECE, DONE, USAGE]))
    assert.equal(await (await stream(env)).text(), PIECE + DONE)
    assert.deepEqual(totals(env), [15])
  })

  it('is read as one without a content type, and its injected usage stays here', async () => {
    for (const headers of [{}, { 'content-type': 'text/plain' }]) {
      await using env = await startTestEnv(sending([PIECE, USAGE, DONE], headers as Record<string, string>))
      assert.equal(await (await stream(env)).text(), PIECE + DONE)
      assert.deepEqual(totals(env), [15])
    }
  })

  it("fails when it closes without its last event, with an error in the client's dialect", async () => {
    await using env = await startTestEnv(sending([PIECE]))
    const text = await (await stream(env)).text()
    assert.ok(text.startsWith(PIECE), text)
    assert.equal(JSON.parse(text.slice(PIECE.length).replace('data: ', '')).error.code, 'upstream_broken')
    assert.deepEqual(failures(env), ['upstream_broken'])
  })

  it('that breaks off inside of an event is followed by an error frame of its own', async () => {
    const torn = 'data: {"choices":[{"del'
    await using env = await startTestEnv((_request, response) => {
      response.writeHead(200, SSE)
      response.write(PIECE + torn, () => response.destroy())
    })
    const text = await (await stream(env, CHAT, { stream_options: { include_usage: true } })).text()
    assert.ok(text.startsWith(`${PIECE}${torn}\n\ndata: {"error"`), text)
  })

  it('with a content-length is cut off when it breaks, and the next answer is whole', async () => {
    await using env = await startTestEnv((_request, response) => {
      response.writeHead(200, { ...SSE, 'content-length': '5000' })
      response.write(PIECE, () => response.destroy())
    })
    const { hostname, port } = new URL(env.url)
    const socket = connect(Number(port), hostname)
    const body = JSON.stringify({
      model: 'm',
      stream: true,
      stream_options: { include_usage: true },
      messages: [],
    })
    const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\n`
    socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`)
    let answer = ''
    socket.setEncoding('utf8').on('data', text => {
      answer += text
    })
    socket.on('error', () => {})
    await once(socket, 'close')
    assert.match(answer, /content-length: 5000/i)
    assert.ok(!answer.includes('upstream_broken'), answer)
    assert.deepEqual(failures(env), ['upstream_broken'])
  })
})

describe('an error inside of a good status', () => {
  const error = JSON.stringify({ error: { message: 'm', type: 'server_error', code: 'boom' } })

  it('fails the call, and nothing is charged when nothing was generated', async () => {
    const answers: Array<[string, readonly string[], Record<string, string>, string]> = [
      [CHAT, [`data: ${error}\n\n`, DONE], SSE, `data: ${error}\n\n${DONE}`],
      [CHAT, [`data: ${error}\n\n`], SSE, `data: ${error}\n\n`],
      [CHAT, [error], { 'content-type': 'application/json' }, error],
      ['/api/chat', ['{"error":"oom"}\n'], { 'content-type': 'application/x-ndjson' }, '{"error":"oom"}\n'],
    ]
    for (const [path, parts, headers, expected] of answers) {
      await using env = await startTestEnv(sending(parts, headers))
      const response = await stream(env, path)
      assert.equal(await response.text(), expected)
      assert.deepEqual([failures(env), totals(env)], [['upstream_error'], [0]], expected)
    }
  })

  it('settles what was generated before it', async () => {
    const count = { prompt: 7, completion: 3 }
    await using env = await startTestEnv(sending([PIECE, PIECE, `data: ${error}\n\n`]), {
      count: (_ask, done) => done(count),
    })
    assert.ok((await (await stream(env)).text()).includes('boom'))
    assert.deepEqual([failures(env), totals(env)], [['upstream_error'], [10]])
  })

  it('does not wait for a server that leaves the connection open behind it', async () => {
    await using env = await startTestEnv(sending([`data: ${error}\n\n`], SSE, false))
    assert.ok((await (await stream(env)).text()).includes('boom'))
    assert.deepEqual(failures(env), ['upstream_error'])
  })
})

describe('the body of a call', () => {
  const echo: Upstream = (_request, response, body) => {
    response.writeHead(200, SSE)
    response.end(`data: ${JSON.stringify({ body })}\n\n${USAGE}${DONE}`)
  }
  const sentOn = async (env: TestEnv, body: string) => {
    const text = await (await post(env, CHAT, body)).text()
    return (JSON.parse(text.slice('data: '.length, text.indexOf('\n'))) as { body: string }).body
  }

  it('reaches the server byte for byte but for what is spliced in', async () => {
    await using env = await startTestEnv(echo)
    const asked = '"include_usage":true'
    const body = (options: string) =>
      `{"stream":true,"stream_options":${options},"seed":9007199254740993, "temperature":1.0,"messages":[]}`
    for (const [options, expected] of [
      ['{"include_obfuscation":false}', `{${asked},"include_obfuscation":false}`],
      ['{ }', `{${asked} }`],
      ['null', `{${asked}}`],
      ['{"a":1 , "include_usage" : false}', '{"a":1 , "include_usage" : true}'],
      ['{"include_usage":true}', '{"include_usage":true}'],
    ] as const)
      assert.equal(await sentOn(env, body(options)), body(expected))
    const bare = '{ "stream":true, "seed":9007199254740993 }'
    assert.equal(await sentOn(env, bare), `{"stream_options":{${asked}},${bare.slice(1)}`)
  })

  it('is refused when readers could take it for two calls', async () => {
    await using env = await startTestEnv(echo)
    const refused = async (path: string, body: string) => {
      const response = await post(env, path, body)
      const { error } = (await response.json()) as { error: { message?: string; code?: string } | string }
      assert.equal(response.status, 400, body)
      return typeof error === 'string' ? error : (error.code ?? error.message)
    }
    for (const body of [
      '{"model":"tiny","MODEL":"llama3:70b"}',
      '{"model":"dear","model":"cheap"}',
      '{"model":"a","mod\\u0065l":"b"}',
      '{"Stream":true}',
      '{"\u017ftream":true}',
      '{"stream":true,"stream":false}',
      '{"stream_options":{},"stream_options":null}',
    ])
      assert.equal(await refused(CHAT, body), 'ambiguous_field')
    assert.match(String(await refused('/api/chat', '{"model":"a","Name":"b"}')), /is not a field; "name" is/)
    for (const value of ['"true"', '1', '[]', '{}']) {
      assert.equal(await refused(CHAT, `{"stream":${value}}`), 'invalid_stream')
      assert.match(String(await refused('/v1/messages', `{"stream":${value}}`)), /true, false or null/)
      assert.match(String(await refused('/api/chat', `{"stream":${value}}`)), /true, false or null/)
    }
    assert.deepEqual(env.named('requests.admitted'), [])
  })

  it('is refused when it is nested too deep, with a key that was just looked up', async () => {
    await using env = await startTestEnv(echo)
    const deep = '['.repeat(8_000) + ']'.repeat(8_000)
    for (const body of [
      `{"model":"m","stream":true,"stream_options":{"a":${deep}},"messages":[]}`,
      `{"model":"m","tools":${deep}}`,
    ])
      for (const path of [CHAT, '/v1/messages', '/api/chat', '/v1/responses', '/v1/embeddings']) {
        const response = await post(env, path, body, { authorization: 'Bearer slow-key' })
        assert.equal(response.status, 400)
        assert.match(await response.text(), /nested deeper than 128 levels/)
      }
  })
})
