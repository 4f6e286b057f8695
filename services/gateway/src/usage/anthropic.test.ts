import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anthropic } from './anthropic.ts'
import { counts, read } from './test-counts.ts'

describe('Anthropic’s usage', () => {
  const start = {
    input_tokens: 9,
    cache_read_input_tokens: 5,
    cache_creation_input_tokens: 2,
    output_tokens: 1,
  }
  const begun = { type: 'message_start', message: { model: 'claude', usage: start } }
  const delta = (usage: object) => ({ type: 'message_delta', usage })

  it('keeps the figures of the start when the delta repeats them as zeros, or some of them', () => {
    const zeros = {
      input_tokens: 0,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
      output_tokens: 7,
    }
    const expected = { input: 16, cachedInput: 5, cacheWrite5m: 2, output: 7 }
    assert.deepEqual(counts(anthropic, begun, delta(zeros)), expected)
    assert.deepEqual(counts(anthropic, begun, delta({ input_tokens: 9, output_tokens: 7 })), expected)
    assert.deepEqual(counts(anthropic, begun, delta({ output_tokens: 7 })), expected)
    assert.deepEqual(counts(anthropic, begun, delta({ input_tokens: null, output_tokens: 7 })), expected)
  })

  it('takes cache figures from the delta when they are only there', () => {
    const bare = {
      type: 'message_start',
      message: { model: 'claude', usage: { input_tokens: 9, output_tokens: 1 } },
    }
    const late = delta({ cache_read_input_tokens: 5, cache_creation_input_tokens: 2, output_tokens: 7 })
    assert.deepEqual(counts(anthropic, bare, late), { input: 16, cachedInput: 5, cacheWrite5m: 2, output: 7 })
  })

  it('grows with the delta when tools of the server have added input', () => {
    assert.equal(counts(anthropic, begun, delta({ input_tokens: 8_050, output_tokens: 7 }))?.input, 8_057)
  })

  it('reports no output before the delta has it', () => {
    assert.deepEqual(counts(anthropic, begun), { input: 16, cachedInput: 5, cacheWrite5m: 2 })
  })

  it('tells writes for an hour from those for five minutes by the split of the start', () => {
    const split = { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 70 }
    const usage = { input_tokens: 1, cache_creation_input_tokens: 100, cache_creation: split }
    const written = { type: 'message_start', message: { usage } }
    const end = delta({ cache_creation_input_tokens: 100, output_tokens: 2 })
    assert.deepEqual(counts(anthropic, written, end), {
      input: 101,
      cacheWrite5m: 30,
      cacheWrite1h: 70,
      output: 2,
    })
  })

  it('adds compactions, and bills an advisor as its own model', () => {
    const iterations = [
      { type: 'compaction', input_tokens: 60_385, output_tokens: 522 },
      { type: 'message', input_tokens: 612, output_tokens: 2_819 },
      { type: 'advisor_message', model: 'dear', input_tokens: 2_728, output_tokens: 3_880 },
    ]
    const { usage } = read(anthropic, begun, delta({ input_tokens: 612, output_tokens: 2_819, iterations }))
    assert.deepEqual(
      usage?.models?.map(({ model, usage: used }) => [model, used.input, used.output]),
      [
        ['', 60_997, 3_341],
        ['dear', 2_728, 3_880],
      ],
    )
    assert.deepEqual([usage?.counts.input, usage?.counts.output], [63_725, 7_221])
  })

  it('names the model that took over when the one asked for refused', () => {
    const block = { type: 'fallback', from: { model: 'claude' }, to: { model: 'other' } }
    assert.equal(read(anthropic, begun, { type: 'content_block_start', content_block: block }).model, 'other')
  })
})
