import assert from 'node:assert/strict'
import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { Bodies } from './bodies.http.ts'
import { AUTH, BODY, CHAT, CRLF, chat, chunked, framed, get, JSON_TYPE, message } from './test/case.ts'
import { type EdgeTestEnv, makePair, QUICK_LIMITS, startEdge } from './test/env.ts'
import { openRaw, parseAnswers, sendRaw } from './test/raw.ts'

const pair = makePair()
const GOOD = {
  ':path': CHAT,
  ':method': 'POST',
  authorization: 'Bearer good-key',
  'content-type': 'application/json',
}

interface Answered {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: string
}

/** One request over HTTP/2; `body` is written until the answer is there. */
function ask(
  session: ClientHttp2Session,
  headers: Record<string, string | string[]>,
  body?: Buffer | string,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ...GOOD, ...headers }, { endStream: body === undefined })
    stream.on('error', reject)
    stream.on('response', async received => {
      const answer = await text(stream)
      resolve({ status: Number(received[':status']), headers: received, body: answer })
    })
    if (body !== undefined) stream.end(body)
  })
}

function refusedFacts({ env }: EdgeTestEnv): Array<[string, number]> {
  return env.named('requests.refused').map(({ data }) => [data.reason, data.status])
}

describe('over HTTP/2', () => {
  let env: EdgeTestEnv
  let session: ClientHttp2Session
  before(async () => {
    env = await startEdge({ tls: await pair })
    session = connect(`https://localhost:${env.port}`, { rejectUnauthorized: false })
    session.on('error', () => {})
  })
  after(async () => {
    session.destroy()
    await env[Symbol.asyncDispose]()
  })

  it('a call is served', async () => {
    const { status, body } = await ask(session, {}, BODY)
    assert.deepEqual([status, body], [200, '{"answered":true}'])
  })

  const wrong: Array<[string, Record<string, string>, number[]]> = [
    ['userinfo in the authority', { ':authority': 'user@localhost' }, [400]],
    ['a path in the authority', { ':authority': 'localhost/x' }, [400]],
    ['two authorities in one', { ':authority': 'a,b' }, [400]],
    ['a bad port', { ':authority': 'localhost:99999' }, [400]],
    ['a host that differs', { ':authority': 'localhost', host: 'other.test' }, [400]],
    ['an escaped NUL', { ':path': '/v1/x%00' }, [400]],
    ['a parent segment', { ':path': '/v1/../api/pull' }, [400]],
    ['an escaped parent segment', { ':path': '/v1/%2e%2e/api/pull' }, [400]],
    ['an absolute path', { ':path': 'http://localhost/v1/x' }, [400]],
    ['an asterisk', { ':path': '*' }, [400]],
    ['a backslash', { ':path': '/v1\\x' }, [400]],
    ['a long URL', { ':path': `/v1/${'a'.repeat(9_000)}` }, [414]],
    ['TRACE', { ':method': 'TRACE' }, [405]],
    ['an unknown method', { ':method': 'PROPFIND' }, [405]],
    ['an unknown expectation', { expect: 'nonsense' }, [417]],
    ['a compressed body', { 'content-encoding': 'gzip' }, [415]],
    ['a wrong method', { ':method': 'DELETE' }, [405]],
    ['no key', { authorization: '' }, [401]],
  ]
  for (const [name, headers, statuses] of wrong) {
    it(`${name} is ${statuses.join(' or ')}, and the connection lives`, async () => {
      env.seen.length = 0
      // What nghttp2 itself finds wrong ends the stream (RFC 9113 section 8.1.1).
      const answer = await ask(session, headers, BODY).catch(error => String(error))
      if (typeof answer === 'string') assert.match(answer, /NGHTTP2_PROTOCOL_ERROR/)
      else {
        assert.ok(statuses.includes(answer.status), `${answer.status} ${answer.body}`)
        assert.ok('error' in JSON.parse(answer.body))
      }
      assert.equal(env.seen.length, 0)
      assert.equal((await ask(session, {}, BODY)).status, 200)
    })
  }

  it('CONNECT is refused', async () => {
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'localhost:443' })
    const status = await new Promise(resolve => stream.on('response', headers => resolve(headers[':status'])))
    assert.equal(status, 405)
    stream.close()
  })

  it('too many headers are 431 or end the stream', async () => {
    const many = Object.fromEntries(Array.from({ length: 105 }, (_, i) => [`x-${i}`, 'y']))
    const outcome = await ask(session, many, BODY).then(
      ({ status }) => status,
      error => error.code,
    )
    assert.ok(outcome === 431 || outcome === 'ERR_HTTP2_STREAM_ERROR', `${outcome}`)
  })

  it('a body beyond the limit is 413, by its length or as it comes, and the client sees it while it still sends', async () => {
    const body = Buffer.alloc(400_000, 'x')
    for (const headers of [{ 'content-length': '400000' }, {}] as Array<Record<string, string>>) {
      const { status, body: answer } = await ask(session, headers, body)
      assert.equal(status, 413)
      assert.equal(JSON.parse(answer).error.code, 'request_too_large')
    }
    assert.equal((await ask(session, {}, BODY)).status, 200)
    assert.ok(refusedFacts(env).some(([reason, status]) => reason === 'too_large' && status === 413))
  })

  it('a body that does not come is 408', async () => {
    const stream = session.request(GOOD)
    stream.write('{"model"')
    const status = await new Promise(resolve => stream.on('response', headers => resolve(headers[':status'])))
    assert.equal(status, 408)
    stream.on('error', () => {})
    stream.close(constants.NGHTTP2_CANCEL)
    assert.ok(refusedFacts(env).some(([reason]) => reason === 'timeout'))
  })
})

describe('over HTTP/1.1', () => {
  for (const tls of [false, true]) {
    const over = tls ? 'TLS' : 'TCP'

    it(`over ${over} a client that sends too much sees the 413 and no reset`, async () => {
      await using env = await startEdge(tls ? { tls: await pair } : {})
      // More than the system's buffers take: without a lingering close the client would find a reset amid its writes.
      const big = 'x'.repeat(30_000_000)
      for (const bytes of [
        framed([`Content-Length: ${big.length}`], big),
        chunked(`${big.length.toString(16)}${CRLF}${big}${CRLF}0${CRLF}${CRLF}`),
      ]) {
        const { answers, reset } = await sendRaw(env.port, bytes, { tls, quietMs: 5_000 })
        assert.deepEqual([answers.map(({ status }) => status), reset], [[413], false])
        assert.equal(answers[0]!.headers.connection, 'close')
      }
      env.env.deps.refusals.flushAll(performance.now())
      const refused = env.env.named('requests.refused')
      assert.ok(refused.every(({ data }) => data.reason === 'too_large' && data.status === 413))
      assert.equal(
        refused.reduce((sum, { data }) => sum + data.count, 0),
        2,
      )
      assert.equal(env.seen.length, 0)
    })

    it(`over ${over} a body that does not come is 408 with a fact, and the connection ends`, async () => {
      await using env = await startEdge(tls ? { tls: await pair } : {})
      const { answers, closed } = await sendRaw(env.port, framed(['Content-Length: 50'], '{'), {
        tls,
        quietMs: 5_000,
      })
      assert.deepEqual([answers.map(({ status }) => status), closed], [[408], true])
      assert.deepEqual(refusedFacts(env), [['timeout', 408]])
    })
  }

  it('each dialect is answered in its own words', async () => {
    await using env = await startEdge()
    const post = (path: string) =>
      message(
        `POST ${path} HTTP/1.1`,
        ['Host: gw.test', AUTH, JSON_TYPE, 'Content-Encoding: gzip', 'Content-Length: 2'],
        '{}',
      )
    const reported = async (path: string) =>
      JSON.parse((await sendRaw(env.port, post(path))).answers[0]!.body)
    const code = 'unsupported_content_encoding'
    assert.equal((await reported(CHAT)).error.code, code)
    assert.equal((await reported('/v1/messages')).error.type, 'invalid_request_error')
    assert.equal(typeof (await reported('/api/chat')).error, 'string')
    env.env.deps.refusals.flushAll(performance.now())
    assert.deepEqual(refusedFacts(env), Array(2).fill(['unsupported', 415]))
    assert.deepEqual(
      env.env.named('requests.refused').map(({ data }) => data.count),
      [1, 2],
    )
  })

  it('a body that would poison prototypes changes nothing but is passed on as it is', async () => {
    await using env = await startEdge()
    const body =
      '{"model":"m","__proto__":{"stream":true,"max_tokens":9},"constructor":{"prototype":{"stream":true}}}'
    assert.equal((await sendRaw(env.port, chat([], body))).answers[0]!.status, 200)
    assert.equal(env.seen[0]!.body, body)
    const plain = '{"model":"m"}'
    await sendRaw(env.port, chat([], plain))
    const [poisoned, other] = env.env.named('requests.admitted')
    assert.deepEqual([poisoned!.data.stream, poisoned!.data.reserved], [false, other!.data.reserved])
    assert.equal(({} as { stream?: unknown }).stream, undefined)
  })

  it('asks for a body only when it would take it', async () => {
    await using env = await startEdge()
    const socket = openRaw(env.port)
    let got = ''
    socket.on('data', chunk => {
      got += chunk.toString('latin1')
    })
    socket.write(chat(['Expect: 100-continue']).slice(0, -BODY.length))
    await eventually(() => assert.deepEqual(parseAnswers(got).interim, [100]))
    assert.equal(env.seen.length, 0)
    socket.write(BODY)
    await eventually(() => assert.equal(parseAnswers(got).answers[0]?.status, 200))
    socket.destroy()
    const { answers, interim } = await sendRaw(
      env.port,
      framed(['Content-Length: 900000', 'Expect: 100-continue'], ''),
    )
    assert.deepEqual([answers[0]!.status, interim], [413, []])
  })

  it('an early hint of the upstream is not taken for its answer', async () => {
    await using env = await startEdge({
      upstream: (_request, response) => {
        response.writeEarlyHints({ link: '</x>; rel=preload' })
        response.end('{"late":true}')
      },
    })
    const { answers } = await sendRaw(env.port, chat())
    assert.deepEqual([answers.length, answers[0]!.body], [1, '{"late":true}'])
  })

  it('all large bodies together have a bound, and their room is free again after their answers', async () => {
    const limits = {
      ...QUICK_LIMITS,
      requestTimeoutMs: 20_000,
      maxBodyBytes: 100_000,
      maxBodiesBytes: 250_000,
    }
    using bodies = new Bodies(limits)
    await using env = await startEdge({ limits, proxy: { bodies } })
    const holders = Array.from({ length: 4 }, () => {
      const socket = openRaw(env.port)
      socket.write(framed(['Content-Length: 90000'], 'x'.repeat(80_000)))
      return socket
    })
    await eventually(() => assert.deepEqual(refusedFacts(env), Array(2).fill(['overloaded', 503])))
    assert.ok(bodies.bufferedBytes <= 250_000)
    for (const socket of holders) socket.destroy()
    await eventually(() => assert.equal(bodies.bufferedBytes, 0))
    assert.equal((await sendRaw(env.port, chat())).answers[0]!.status, 200)
  })

  it('an overloaded node refuses calls with a fact, tells when to come again, and stays alive to its balancer', async () => {
    await using env = await startEdge({ overloaded: () => true, proxy: { overloaded: () => true } })
    const call = (await sendRaw(env.port, chat())).answers[0]!
    assert.deepEqual([call.status, JSON.parse(call.body).error.code], [503, 'overloaded'])
    assert.equal(call.headers['retry-after'], '2')
    assert.deepEqual(refusedFacts(env), [['overloaded', 503]])
    for (const path of ['/', '/health', '/ready']) {
      assert.equal((await sendRaw(env.port, get(path))).answers[0]!.status, 200, path)
    }
    assert.equal((await sendRaw(env.port, get('/portal/me'))).answers[0]!.status, 503)
  })
})
