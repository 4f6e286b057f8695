import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jsonParser } from './parse.ts'
import { costMicros, PriceBook, wrongDate } from './price-list.ts'
import { type Price, PriceList } from './state.ts'
import { addUsage, toolCalls } from './usage.ts'

const usage = {
  input: 1_000,
  cachedInput: 400,
  cacheWrite5m: 200,
  cacheWrite1h: 100,
  output: 500,
  reasoning: 300,
  audioInput: 50,
  audioOutput: 80,
  images: 2,
  tools: { webSearch: 3, fileSearch: 1 },
}
const price: Price = {
  input: 3,
  output: 15,
  cachedInput: 0.3,
  cacheWrite5m: 3.75,
  cacheWrite1h: 6,
  reasoning: 20,
  audioInput: 10,
  audioOutput: 40,
  images: 0.04,
  tools: { webSearch: 0.01 },
}

it('a price list remembers a bounded number of names of models', () => {
  const book = new PriceBook({ models: { 'gpt-*': price } })
  let most = 0
  for (let i = 0; i < 3_000; i++) {
    book.priceOf(`gpt-${i}`, 0)
    most = Math.max(most, book.remembered)
  }
  assert.equal(most, 1_000)
  assert.equal(book.priceOf('gpt-0', 0), price)
})

describe('a cost', () => {
  it('is the sum over the categories when each has a price', () => {
    const input = 400 * 0.3 + 200 * 3.75 + 100 * 6 + 50 * 10 + 250 * 3
    const output = 80 * 40 + 300 * 20 + 120 * 15
    assert.equal(costMicros(price, usage), input + output + 2 * 40_000 + 3 * 10_000)
  })

  it('takes the plain price when a category has none, and nothing for images and tools', () => {
    assert.equal(costMicros({ input: 3, output: 15 }, usage), 1_000 * 3 + 500 * 15)
    const hour = { ...price, cacheWrite1h: undefined } as unknown as Price
    assert.equal(
      costMicros(price, usage) - costMicros(hour, usage),
      100 * (6 - 3.75),
      'an hour as five minutes',
    )
  })

  it('charges no token twice when parts overlap or are larger than the whole', () => {
    assert.equal(costMicros(price, { input: 10, cachedInput: 10, audioInput: 10, output: 0 }), 10 * 0.3)
    assert.equal(costMicros(price, { input: 10, cachedInput: 50, output: 1, reasoning: 5 }), 10 * 0.3 + 20)
  })

  it('is rounded up to a millionth, and free where the price is zero', () => {
    assert.equal(costMicros({ input: 0.1, output: 0 }, { input: 1, output: 9 }), 1)
    assert.equal(costMicros({ input: 0, output: 0 }, usage), 0)
  })
})

describe('a price book', () => {
  const at = (text: string) => Date.parse(text)
  const book = new PriceBook({
    models: {
      'gpt-*': { input: 1, output: 1 },
      'gpt-5-mini*': [
        { from: '2026-12-01', input: 2, output: 2 },
        { input: 3, output: 3 },
        { from: '2026-12-01T12:00Z', input: 4, output: 4 },
      ],
      'gpt-5-mini': { from: '2027-01-01', input: 9, output: 9 },
    },
  })

  it('gives the newest price that has begun, by the longest name', () => {
    const inputAt = (time: string) => book.priceOf('gpt-5-mini-2026', at(time))?.input
    assert.deepEqual(
      ['2026-11-30T23:59:59Z', '2026-12-01T00:00Z', '2026-12-01T12:00Z', '2030-01-01'].map(inputAt),
      [3, 2, 4, 4],
    )
    assert.equal(book.priceOf('gpt-4', 0)?.input, 1)
    assert.equal(
      book.priceOf('gpt-5-mini', at('2026-12-31'))?.input,
      undefined,
      'the exact name has none yet',
    )
    assert.equal(book.priceOf('other', 0), undefined)
  })

  it('prices a call by the model that answered, and by the one asked for where that has no price', () => {
    assert.equal(book.priceFor('gpt-4', 'gpt-5-mini-x', 0)?.input, 1)
    assert.equal(book.priceFor('/models/file.gguf', 'gpt-5-mini-x', 0)?.input, 3)
    assert.equal(book.priceFor(undefined, 'gpt-4', 0)?.input, 1)
    assert.equal(book.priceFor('a', 'b', 0), undefined)
  })
})

describe('a price list', () => {
  const parse = jsonParser(PriceList)
  const read = (list: object) => parse(Buffer.from(JSON.stringify(list)))

  it('is read as it was written before prices had categories and dates', () => {
    const old = { models: { 'gpt-*': { input: 2.5, output: 10, cachedInput: 1.25 } } }
    assert.deepEqual(read(old), { ok: true, value: old })
  })

  it('is refused when a date is none', () => {
    assert.ok(!read({ models: { m: { input: 1, output: 1, from: 'tomorrow' } } }).ok)
    const list = { models: { m: [{ input: 1, output: 1, from: '2026-02-30' }] } }
    assert.ok(read(list).ok)
    assert.equal(wrongDate(list), '2026-02-30')
    assert.equal(wrongDate({ models: { m: { input: 1, output: 1, from: '2026-02-28' } } }), undefined)
  })
})

describe('usage', () => {
  it('adds up by category, and leaves out what no summand has', () => {
    const sum = addUsage({ input: 1, output: 2, tools: { webSearch: 1 } }, { ...usage, reasoning: 7 })
    assert.deepEqual(
      [sum.input, sum.output, sum.reasoning, sum.tools],
      [1_001, 502, 7, { webSearch: 4, fileSearch: 1 }],
    )
    assert.deepEqual(addUsage({ input: 1, output: 0 }, { input: 2, output: 3 }), { input: 3, output: 3 })
    assert.equal(toolCalls(sum), 5)
    const most = Number.MAX_SAFE_INTEGER
    assert.equal(addUsage({ input: most, output: 0 }, { input: most, output: 0 }).input, most)
  })
})
