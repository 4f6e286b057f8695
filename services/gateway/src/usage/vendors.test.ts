import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anthropic } from './anthropic.ts'
import { ollama } from './ollama.ts'
import { counts, read } from './test-counts.ts'
import { openaiConvention, VENDORS, type Vendor, vendorOfHost } from './vendor.ts'

const chat = (usage: object, vendor?: Vendor) => counts(openaiConvention(vendor), { usage })

describe('usage of the chat family', () => {
  it('counts what came from a cache once when a server repeats it beside the details', () => {
    const usage = {
      prompt_tokens: 17_903,
      prompt_tokens_details: { cached_tokens: 17_817 },
      completion_tokens: 3,
      cache_read_input_tokens: 17_817,
    }
    assert.deepEqual(chat(usage), { input: 17_903, cachedInput: 17_817, output: 3 })
    assert.deepEqual(chat(usage, 'litellm'), { input: 17_903, cachedInput: 17_817, output: 3 })
  })

  it('reads DeepSeek’s cache hits as cached input', () => {
    const hit = { prompt_cache_hit_tokens: 80, prompt_cache_miss_tokens: 20 }
    const usage = { prompt_tokens: 100, completion_tokens: 5, ...hit }
    assert.deepEqual(chat(usage, 'deepseek'), { input: 100, cachedInput: 80, output: 5 })
    assert.deepEqual(chat(usage), { input: 100, cachedInput: 80, output: 5 })
  })

  it('reads what each server calls its cached tokens', () => {
    const usage = { prompt_tokens: 100, completion_tokens: 5 }
    for (const [vendor, part] of [
      ['mistral', { num_cached_tokens: 64 }],
      ['mistral', { prompt_token_details: { cached_tokens: 64 } }],
      ['moonshot', { cached_tokens: 64 }],
      ['vllm', { prompt_tokens_details: { cached_tokens: 64 } }],
    ] as const) {
      assert.deepEqual(
        chat({ ...usage, ...part }, vendor),
        { input: 100, cachedInput: 64, output: 5 },
        vendor,
      )
    }
  })

  it('takes reasoning as part of the output unless the total shows that it is beside it', () => {
    const usage = {
      prompt_tokens: 12,
      completion_tokens: 1,
      completion_tokens_details: { reasoning_tokens: 290 },
    }
    assert.deepEqual(chat({ ...usage, total_tokens: 303 }), { input: 12, output: 291, reasoning: 290 })
    assert.deepEqual(chat({ ...usage, total_tokens: 13 }), { input: 12, output: 1, reasoning: 1 })
    assert.deepEqual(chat(usage, 'xai'), { input: 12, output: 291, reasoning: 290 })
    assert.deepEqual(chat({ prompt_tokens: 9, completion_tokens: 30, reasoning_tokens: 22 }, 'sglang'), {
      input: 9,
      output: 30,
      reasoning: 22,
    })
  })

  it('marks figures that do not add up', () => {
    const usage = { prompt_tokens: 20, completion_tokens: 424, total_tokens: 1_016 }
    assert.equal(read(openaiConvention(undefined), { usage }).usage?.unbalanced, true)
    assert.deepEqual(chat(usage, 'gemini'), { input: 20, output: 996 })
    assert.equal(
      read(openaiConvention(undefined), { usage: { ...usage, total_tokens: 444 } }).usage?.unbalanced,
      false,
    )
  })

  it('adds Perplexity’s reasoning and citations to the output', () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, reasoning_tokens: 7, citation_tokens: 3 }
    assert.deepEqual(chat(usage, 'perplexity'), { input: 10, output: 15, reasoning: 7 })
  })

  it('is found in a choice and in x_groq, and null or nothing does not replace it', () => {
    const usage = { prompt_tokens: 9, completion_tokens: 12 }
    const convention = openaiConvention(undefined)
    const found = { input: 9, output: 12 }
    assert.deepEqual(counts(convention, { choices: [{ usage }] }), found)
    assert.deepEqual(counts(convention, { x_groq: { usage } }), found)
    assert.deepEqual(counts(convention, { usage }, { usage: null }, { usage: {} }), found)
    assert.deepEqual(
      counts(convention, { usage: { prompt_tokens: 101 } }, { usage }),
      found,
      'the last one wins',
    )
  })

  it('tells writes to the cache by lifetime, audio and searches', () => {
    const usage = {
      prompt_tokens: 100,
      prompt_tokens_details: { cache_write_tokens: 40, audio_tokens: 7 },
      completion_tokens: 50,
      completion_tokens_details: { audio_tokens: 20 },
      server_tool_use: { web_search_requests: 2 },
    }
    assert.deepEqual(chat(usage, 'openrouter'), {
      input: 100,
      cacheWrite5m: 40,
      output: 50,
      audioInput: 7,
      audioOutput: 20,
      tools: { webSearch: 2 },
    })
    const alibaba = {
      prompt_tokens: 100,
      completion_tokens: 5,
      prompt_tokens_details: { cache_creation_input_tokens: 30 },
    }
    assert.deepEqual(chat(alibaba, 'alibaba'), { input: 100, cacheWrite5m: 30, output: 5 })
  })

  it('bills each model of Groq’s compound systems', () => {
    const usage = { prompt_tokens: 30, completion_tokens: 12 }
    const models = [
      { model: 'a', usage: { prompt_tokens: 10, completion_tokens: 4 } },
      { model: 'b', usage: { prompt_tokens: 20, completion_tokens: 8 } },
    ]
    const { usage: reported } = read(openaiConvention('groq'), { usage, usage_breakdown: { models } })
    assert.deepEqual(
      reported?.models?.map(({ model }) => model),
      ['a', 'b'],
    )
    assert.deepEqual([reported?.counts.input, reported?.counts.output], [30, 12])
  })

  it('adds what llama.cpp took from its cache to what it processed', () => {
    const timings = { prompt_n: 8, cache_n: 92, predicted_n: 5 }
    assert.deepEqual(chat({ prompt_tokens: 100, completion_tokens: 5 }, 'llama.cpp'), {
      input: 100,
      output: 5,
    })
    assert.deepEqual(counts(openaiConvention(undefined), { timings }), {
      input: 100,
      cachedInput: 92,
      output: 5,
    })
  })
})

describe('usage of rerankers and embedders', () => {
  it('is the total where nothing else is reported, and what Cohere bills', () => {
    assert.deepEqual(chat({ total_tokens: 260 }, 'jina'), { input: 260 })
    const meta = { billed_units: { search_units: 1 }, tokens: { input_tokens: 260 } }
    assert.deepEqual(counts(openaiConvention(undefined), { meta }), { input: 260, tools: { searchUnits: 1 } })
    const usage = {
      billed_units: { input_tokens: 12, output_tokens: 7 },
      tokens: { input_tokens: 507, output_tokens: 10 },
    }
    assert.deepEqual(counts(openaiConvention('cohere'), { type: 'message-end', delta: { usage } }), {
      input: 12,
      output: 7,
    })
  })
})

describe('Ollama’s counts', () => {
  it('are none where they are left out of the last line', () => {
    assert.deepEqual(counts(ollama, { done: true, eval_count: 4 }), { input: 0, output: 4 })
    assert.deepEqual(counts(ollama, { done: true, done_reason: 'load' }), { input: 0, output: 0 })
    assert.equal(counts(ollama, { done: true }), undefined)
    assert.deepEqual(counts(ollama, { prompt_eval_count: 8, embeddings: [] }), { input: 8 })
  })
})

describe('usage of OpenAI’s responses', () => {
  const usage = { input_tokens: 50, output_tokens: 20 }

  it('has searches, images and the tokens of the model that drew them', () => {
    const drawn = { input_tokens: 10, output_tokens: 900 }
    const response = {
      model: 'gpt',
      usage,
      tool_usage: { image_gen: drawn, web_search: { num_requests: 3 } },
      output: [{ type: 'image_generation_call', status: 'completed' }, { type: 'web_search_call' }],
      tools: [{ type: 'image_generation', model: 'gpt-image' }],
    }
    const { usage: reported } = read(openaiConvention(undefined), { type: 'response.completed', response })
    assert.deepEqual(reported?.counts, { input: 60, output: 920, images: 1, tools: { webSearch: 3 } })
    assert.deepEqual(
      reported?.models?.map(({ model }) => model),
      ['gpt', 'gpt-image'],
    )
  })

  it('counts the images of an images API, with tokens or without', () => {
    const data = [null, null]
    assert.deepEqual(counts(openaiConvention(undefined), { created: 1, data, usage }), {
      input: 50,
      output: 20,
      images: 2,
    })
    assert.deepEqual(counts(openaiConvention(undefined), { created: 1, data }), { output: 0, images: 2 })
    const embeddings = { object: 'list', created: 1, data, usage: { prompt_tokens: 7 } }
    assert.deepEqual(counts(openaiConvention(undefined), embeddings), { input: 7 })
  })

  it('is read by Anthropic’s rule when a proxy answers with its figures', () => {
    const proxied = { ...usage, cache_read_input_tokens: 7 }
    assert.deepEqual(chat(proxied), { input: 57, cachedInput: 7, output: 20 })
  })
})

describe('figures that no call can have', () => {
  it('are no figures', () => {
    for (const wrong of [4e9, 2 ** 53 - 1, -1, 1.5, '7', null, Number.NaN, {}]) {
      assert.equal(chat({ prompt_tokens: wrong, completion_tokens: wrong }), undefined)
      for (const vendor of VENDORS) assert.equal(chat({ prompt_tokens: wrong }, vendor), undefined)
      assert.equal(counts(anthropic, { usage: { input_tokens: wrong, output_tokens: wrong } }), undefined)
      assert.equal(counts(ollama, { prompt_eval_count: wrong, eval_count: wrong }), undefined)
    }
  })
})

describe('a vendor', () => {
  it('is known by the host of its API', () => {
    assert.equal(vendorOfHost('api.x.ai'), 'xai')
    assert.equal(vendorOfHost('my-resource.openai.azure.com'), 'openai')
    assert.equal(vendorOfHost('generativelanguage.googleapis.com'), 'gemini')
    assert.equal(vendorOfHost('dashscope-intl.aliyuncs.com'), 'alibaba')
    assert.equal(vendorOfHost('localhost'), undefined)
    assert.equal(vendorOfHost('evil-x.ai.example'), undefined)
  })
})
