import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import type { Counted, CountLimits, CountRequest } from './count.ts'
import { textTokens } from './counted.ts'
import { openTokenCounter, type TokenCounter } from './token-counter.worker.ts'

const LIMITS: CountLimits = {
  maxCountedBytes: 1_000_000,
  maxHeardBytes: 1_000_000,
  countDeadlineMs: 30_000,
  counterStartMs: 0,
  maxWaitingCounts: 16,
}
const open = (limits: Partial<CountLimits> = {}) =>
  openTokenCounter({ ...LIMITS, ...limits }, () => performance.now(), assert.ifError)
const ask = (counter: TokenCounter, request: Partial<CountRequest>) =>
  new Promise<Counted | undefined>(resolve =>
    counter.count({ dialect: 'openai', body: undefined, answer: undefined, ...request }, resolve),
  )
const answerOf = (text: string) => ({
  form: 'document' as const,
  bytes: Buffer.from(JSON.stringify({ choices: [{ index: 0, message: { content: text } }] })),
})
const PROSE = 'The gateway counts what the upstream did not report, in Zürich and in 東京. '.repeat(40)

describe('the token counter', () => {
  it('counts prompts and answers as the tokenizer does', async () => {
    await using counter = open()
    const body = Buffer.from(JSON.stringify({ model: 'm', prompt: PROSE, tools: null }))
    const counted = await ask(counter, { body, answer: answerOf('Hello there, world.') })
    assert.equal(counted!.completion, countTokens('Hello there, world.'))
    assert.equal(counted!.prompt, countTokens(PROSE))
  })

  it('counts each token id of a prompt as a token', async () => {
    await using counter = open()
    for (const body of [{ input: [1, 22, 333] }, { prompt: [[1], [22, 333]] }])
      assert.equal((await ask(counter, { body: Buffer.from(JSON.stringify(body)) }))?.prompt, 3)
  })

  it('counts the next call when one is nested too deep to be read', async () => {
    await using counter = open()
    const body = Buffer.from(`{"tools":${'['.repeat(450_000)}${']'.repeat(450_000)}}`)
    await ask(counter, { body })
    assert.equal((await ask(counter, { answer: answerOf('next') }))?.completion, 1)
  })

  it('takes the names of special tokens for text', async () => {
    await using counter = open()
    const counted = await ask(counter, { answer: answerOf('a <|endoftext|> b') })
    assert.ok(counted!.completion > 5, `${counted!.completion}`)
  })

  it('answers many at once, each with its own count', async () => {
    await using counter = open()
    const counts = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(n => ask(counter, { answer: answerOf(' word'.repeat(n)) })),
    )
    assert.deepEqual(
      counts.map(counted => counted?.completion),
      [1, 2, 3, 4, 5, 6],
    )
  })

  it('counts nothing when the deadline is over, and goes on afterwards', async () => {
    await using counter = open({ countDeadlineMs: 1 })
    assert.equal(await ask(counter, { answer: answerOf('late') }), undefined)
    await using slow = open()
    assert.equal((await ask(slow, { answer: answerOf('in time') }))?.completion, 2)
  })

  it('lets the first call wait while it starts', async () => {
    const limits = { countDeadlineMs: 100, counterStartMs: 30_000, maxCountedBytes: 50_000_000 }
    await using counter = open(limits)
    const [first, second] = ['one', 'two'].map(text => ask(counter, { answer: answerOf(text) }))
    assert.equal((await first)?.completion, 1)
    assert.equal((await second)?.completion, 1)
    const startedMs = performance.now()
    assert.equal(await ask(counter, { answer: answerOf('模型'.repeat(8_000_000)) }), undefined)
    assert.ok(performance.now() - startedMs < 10_000, 'once it runs, no call waits so long')
  })

  it('gives up a text that takes too long, and the next does not wait', async () => {
    await using counter = open({ countDeadlineMs: 2_000, maxCountedBytes: 50_000_000 })
    await ask(counter, { answer: answerOf('warm') })
    const startedMs = performance.now()
    // Minutes of work for this tokenizer: deadlines are looked at between pieces.
    assert.equal(await ask(counter, { answer: answerOf('模型'.repeat(8_000_000)) }), undefined)
    assert.equal((await ask(counter, { answer: answerOf('next') }))?.completion, 1)
    assert.ok(performance.now() - startedMs < 20_000)
  })

  it('refuses at once when its queue is full', async () => {
    await using counter = open({ maxWaitingCounts: 2 })
    const asked = [1, 2, 3, 4, 5].map(() => ask(counter, { answer: answerOf('x') }))
    const counts = await Promise.all(asked)
    assert.deepEqual(
      counts.map(counted => counted?.completion),
      [1, 1, 1, undefined, undefined],
    )
  })

  it('settles every waiting count when it is closed', async () => {
    const counter = open()
    const asked = [ask(counter, { answer: answerOf('x') }), ask(counter, { answer: answerOf('y') })]
    await counter[Symbol.asyncDispose]()
    assert.deepEqual(await Promise.all(asked), [undefined, undefined])
    assert.equal(await ask(counter, { answer: answerOf('z') }), undefined)
  })

  it('counts a text in pieces as the whole, where it has spaces', () => {
    assert.equal(
      textTokens(
        PROSE,
        text => countTokens(text),
        () => false,
      ),
      countTokens(PROSE),
    )
    const dense = 'x'.repeat(5_000)
    const pieces = textTokens(
      dense,
      text => countTokens(text),
      () => false,
    )!
    assert.ok(Math.abs(pieces - countTokens(dense)) <= 10, `${pieces}`)
  })
})
