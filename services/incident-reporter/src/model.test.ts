import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openModel } from './model.http.ts'
import { type Reply, say, startTestModel } from './test-model.ts'

const never = new AbortController().signal
const MESSAGES = [{ role: 'user', content: 'report' }] as const
const json = { 'content-type': 'application/json; charset=utf-8' }
const FORMAT = { type: 'object' }

async function ask(reply: Reply, { timeoutMs = 2_000, signal = never } = {}) {
  await using model = await startTestModel(reply)
  const answer = await openModel(model.url, 'judge', timeoutMs)(MESSAGES, FORMAT, signal)
  return { answer, questions: model.questions }
}

describe('the model', () => {
  it('is asked as Ollama wants it', async () => {
    const { answer, questions } = await ask((question, response) => say(response, question.model, 'words'))
    assert.equal(answer, 'words')
    assert.deepEqual(questions, [
      {
        model: 'judge',
        messages: MESSAGES,
        format: FORMAT,
        stream: false,
        options: { temperature: 0, num_ctx: 8_192, num_predict: 1_024 },
      },
    ])
  })

  const faults: Array<[string, Reply, RegExp]> = [
    [
      'a model that is not there',
      (_q, r) => r.writeHead(404, json).end('{"error":"model \'judge\' not found"}'),
      /not found/,
    ],
    [
      'a fault of the server',
      (_q, r) => r.writeHead(500, json).end('{"error":"out of memory"}'),
      /out of memory/,
    ],
    [
      'an error page',
      (_q, r) => r.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>'),
      /Bad Gateway/,
    ],
    ['an error page that claims to be JSON', (_q, r) => r.writeHead(500, json).end('<h1>'), /<h1>/],
    [
      'a body cut off',
      (_q, r) => {
        r.writeHead(200, { ...json, 'content-length': '500' }).write('{"mod')
        setTimeout(() => r.destroy(), 30)
      },
      /terminated/,
    ],
    ['half a JSON object', (_q, r) => r.writeHead(200, json).end('{"model":"judge","mess'), /JSON/],
    ['no message', (_q, r) => r.writeHead(200, json).end('{"done":true}'), /no whole answer/],
    [
      'an unfinished answer',
      (_q, r) => r.writeHead(200, json).end('{"message":{"content":"{"},"done":false}'),
      /no whole/,
    ],
    [
      'an answer without end',
      (_q, r) => r.writeHead(200, json).end('x'.repeat(300_000)),
      /more than 262144 bytes/,
    ],
  ]
  for (const [what, reply, reason] of faults) {
    it(`fails with a reason and without a word on the console: ${what}`, async t => {
      const printed = ['log', 'warn', 'error'].map(name => t.mock.method(console, name as 'log', () => {}))
      await assert.rejects(ask(reply), reason)
      assert.deepEqual(
        printed.map(each => each.mock.callCount()),
        [0, 0, 0],
      )
    })
  }

  it('is given up after its time, and at once when we stop', async () => {
    await assert.rejects(
      ask(() => {}, { timeoutMs: 100 }),
      { name: 'TimeoutError' },
    )
    const slow: Reply = (_q, r) => r.writeHead(200, json).write('{"model":')
    await assert.rejects(ask(slow, { timeoutMs: 100 }), { name: 'TimeoutError' })
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    await assert.rejects(
      ask(() => {}, { signal: stop.signal }),
      { name: 'AbortError' },
    )
  })

  it('may be away', async () => {
    await assert.rejects(
      openModel('http://127.0.0.1:9', 'judge', 1_000)(MESSAGES, FORMAT, never),
      /fetch failed/,
    )
  })
})
