import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { encode as cl100k } from 'gpt-tokenizer/encoding/cl100k_base'
import { encode as o200k } from 'gpt-tokenizer/encoding/o200k_base'
import { dialectOf } from '../dialects/dialect-of-path.ts'
import { promptSize } from '../dialects/prompt-size.ts'
import { BASE_TOKENS, estimate } from './estimate.ts'

const LIMITS = { defaultCompletionTokens: 256, maxCompletionTokens: 1_000 }
const PLENTY = 1e9

function estimateOf(path: string, body: object, capacity = PLENTY) {
  const read = dialectOf(path).read(path, Buffer.from(JSON.stringify(body)))
  assert.ok(read.ok)
  return estimate(read.call.facts, LIMITS, capacity)
}
const CHAT = '/v1/chat/completions'
const promptOf = (path: string, body: object) => estimateOf(path, body).prompt

describe('the estimate', () => {
  it('is at least 50 and a quarter of the characters, and room for the answer', () => {
    const text = 'a'.repeat(400)
    assert.deepEqual(estimateOf('/v1/embeddings', { input: text }), { prompt: 150, reserved: 150 })
    const facts = { model: 'm', stream: false, prompt: { chars: 400, tokens: 0 }, answers: 1 }
    assert.deepEqual(estimate({ ...facts, maxTokens: undefined }, LIMITS, PLENTY), {
      prompt: 150,
      reserved: 406,
    })
    assert.equal(estimate({ ...facts, maxTokens: 10 }, LIMITS, PLENTY).reserved, 160)
    assert.equal(estimate({ ...facts, maxTokens: 1e12 }, LIMITS, PLENTY).reserved, 1_150)
  })

  it('has room for every answer that is asked for, and for none where nothing is generated', () => {
    const answers = (path: string, body: object) => {
      const { prompt, reserved } = estimateOf(path, { max_tokens: 100, ...body })
      return (reserved - prompt) / 100
    }
    assert.equal(answers(CHAT, {}), 1)
    assert.equal(answers(CHAT, { n: 5 }), 5)
    assert.equal(answers(CHAT, { n: 0 }), 1)
    assert.equal(answers('/v1/completions', { prompt: ['a', 'b'], best_of: 3 }), 6)
    assert.equal(answers('/v1/completions', { prompt: [1, 2, 3] }), 1, 'token ids are one prompt')
    assert.equal(answers('/v1/messages', {}), 1)
    for (const path of ['/v1/embeddings', '/v1/messages/count_tokens', '/api/embed', '/api/show']) {
      assert.equal(answers(path, { input: 'x' }), 0, path)
    }
  })

  it('never reserves more than a bucket can hold, so that a first call passes and leaves no debt', () => {
    assert.equal(estimateOf(CHAT, { n: 1e9, max_tokens: 1e9 }, 5_000).reserved, 5_000)
    assert.equal(estimateOf(CHAT, { max_tokens: 1e9 }, 12.5).reserved, 12)
    assert.equal(estimateOf(CHAT, { max_tokens: 10 }, 0).reserved, 1)
  })

  it('counts images alike in every dialect, whatever their bytes', () => {
    const bytes = 'A'.repeat(90_000)
    const image_url = { url: `data:image/png;base64,${bytes}` }
    const source = { type: 'base64', media_type: 'image/png', data: bytes }
    const user = (content: unknown) => ({ messages: [{ role: 'user', content }] })
    const sizes = [
      promptOf(CHAT, user([{ type: 'image_url', image_url }])),
      promptOf(CHAT, user([{ type: 'image_url', image_url: { url: 'https://x.example/cat.png' } }])),
      promptOf('/v1/responses', { input: [{ type: 'input_image', image_url: image_url.url }] }),
      promptOf('/v1/messages', user([{ type: 'image', source }])),
      promptOf('/api/chat', { messages: [{ role: 'user', content: '', images: [bytes] }] }),
      promptOf('/api/generate', { prompt: '', images: [bytes] }),
    ]
    for (const size of sizes) assert.ok(size >= 1_000 + BASE_TOKENS && size < 1_100, `${sizes}`)
  })

  it('counts tools with the names in their schemas, and token ids one by one', () => {
    const properties = { departure_city: { type: 'string' }, arrival_city: { type: 'string' } }
    const tool = { type: 'function', function: { name: 'find', parameters: { type: 'object', properties } } }
    const counted = promptOf(CHAT, { tools: [tool] }) - BASE_TOKENS
    const real = o200k(JSON.stringify(tool)).length
    assert.ok(counted > real * 0.6 && counted < real * 1.5, `${counted} for ${real}`)
    assert.equal(promptOf('/v1/embeddings', { input: [1, 2, 3, 4] }), BASE_TOKENS + 4)
  })
})

const source = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
/** Kind of text → the error that `promptSize` states, as parts of the true count. */
const TEXTS: ReadonlyArray<readonly [kind: string, text: string, low: number, high: number]> = [
  ['English', source('../../../../infra/docs/explanation/gateway.md'), 0.2, 0.3],
  ['code', source('../limits/limit-table.ts'), 0.2, 0.3],
  [
    'Chinese',
    '委员会在一个灰蒙蒙的星期二早上开会，讨论应该如何处理那座旧桥。没有人否认它很美，也没有人否认它很危险。工程师解释说，铁已经被一个世纪的盐和霜冻削弱，再多的油漆也无法恢复失去的东西。',
    0.3,
    0.6,
  ],
  [
    'Japanese',
    '委員会は灰色の火曜日の朝に集まり、古い橋をどうすべきかを話し合った。それが美しいことにも、危険であることにも、誰も異議を唱えなかった。技師は、鉄が一世紀にわたる塩と霜で弱っていると説明した。',
    0.3,
    0.6,
  ],
  [
    'Korean',
    '위원회는 흐린 화요일 아침에 모여 오래된 다리를 어떻게 해야 할지 논의했다. 그것이 아름답다는 것도, 위험하다는 것도 아무도 부인하지 않았다. 기술자는 철이 한 세기의 소금과 서리로 약해졌다고 설명했다.',
    0.3,
    0.6,
  ],
  [
    'Russian',
    'Комитет собрался серым утром во вторник, чтобы обсудить, что делать со старым мостом. Никто не спорил с тем, что он красив, и никто не спорил с тем, что он опасен.',
    0.3,
    0.6,
  ],
  ['JSON', source('../../package.json'), 0.45, 0.3],
  ['dense JSON', source('../../../../package-lock.json').slice(0, 20_000), 0.45, 0.3],
  ['digits', Array.from({ length: 300 }, (_, i) => (i * 7_919) % 100_003).join(','), 0.65, 0.3],
]

describe('the stated error of the prompt size', () => {
  for (const [kind, text, low, high] of TEXTS) {
    it(`holds for ${kind}`, context => {
      const { tokens } = promptSize({ text }, ['text'])
      for (const [name, encode] of Object.entries({ cl100k, o200k })) {
        const real = encode(text).length
        const error = tokens / real - 1
        context.diagnostic(`${kind}, ${name}: ${tokens} for ${real}, ${(error * 100).toFixed(0)} %`)
        assert.ok(error >= -low && error <= high, `${name}: ${tokens} for ${real}`)
      }
    })
  }
})
