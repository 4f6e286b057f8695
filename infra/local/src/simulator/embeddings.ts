import { JSON_TYPE } from './openai-chat.ts'
import { type Call, positiveInteger, RequestFault } from './request.ts'
import { speakWhole } from './speak.ts'
import { countTokens, hashText, seededRandom } from './tokens.ts'

const MAX_INPUTS = 2_048

/** `POST /v1/embeddings`; `base64` is the vector's float32 values, little-endian. */
export async function openaiEmbeddings(call: Call): Promise<void> {
  const { body, exchange } = call
  const inputs = inputsOf(body.input)
  const dimensions = positiveInteger(body, 'dimensions') ?? call.config.embeddingDimensions
  const base64 = body.encoding_format === 'base64'
  const tokens = inputs.reduce((sum, input) => sum + countTokens(input), 0)
  exchange.stats.tokensIn += tokens
  const text = JSON.stringify({
    object: 'list',
    data: inputs.map((input, index) => {
      const vector = vectorOf(call.model, input, dimensions)
      return { object: 'embedding', index, embedding: base64 ? littleEndian(vector) : vector }
    }),
    model: call.model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  })
  await speakWhole(exchange, 0, JSON_TYPE, () => text)
}

/** `POST /api/embed` (Ollama API, "Generate Embeddings"). */
export async function ollamaEmbed(call: Call): Promise<void> {
  const { body, exchange } = call
  const inputs = inputsOf(body.input)
  const tokens = inputs.reduce((sum, input) => sum + countTokens(input), 0)
  exchange.stats.tokensIn += tokens
  const startedNs = call.clockNs()
  await speakWhole(exchange, 0, JSON_TYPE, () =>
    JSON.stringify({
      model: call.body.model,
      embeddings: inputs.map(input => vectorOf(call.model, input, call.config.embeddingDimensions)),
      total_duration: Number(call.clockNs() - startedNs),
      load_duration: 0,
      prompt_eval_count: tokens,
    }),
  )
}

/** `POST /api/embeddings`, the older form with one `prompt`. */
export async function ollamaEmbeddings(call: Call): Promise<void> {
  const prompt = typeof call.body.prompt === 'string' ? call.body.prompt : ''
  call.exchange.stats.tokensIn += countTokens(prompt)
  const embedding = vectorOf(call.model, prompt, call.config.embeddingDimensions)
  await speakWhole(call.exchange, 0, JSON_TYPE, () => JSON.stringify({ embedding }))
}

/** Texts, or texts as lists of token numbers. */
function inputsOf(input: unknown): string[] {
  const isTokens = Array.isArray(input) && input.length > 0 && input.every(item => typeof item === 'number')
  const inputs: unknown[] = isTokens ? [input] : [input].flat()
  const texts = inputs.map(item => (Array.isArray(item) ? item.join(' ') : item))
  const valid = texts.filter(text => typeof text === 'string')
  if (valid.length === 0 || valid.length !== texts.length || valid.length > MAX_INPUTS) {
    throw new RequestFault(400, `Invalid 'input': expected 1 to ${MAX_INPUTS} texts.`, { param: 'input' })
  }
  return valid
}

/** A vector of length one, the same for the same text. */
function vectorOf(model: string, text: string, dimensions: number): number[] {
  const random = seededRandom(hashText(`${model}\n${text}`))
  const raw = Array.from({ length: dimensions }, () => random() * 2 - 1)
  const length = Math.hypot(...raw) || 1
  return raw.map(value => Math.fround(value / length))
}

function littleEndian(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, i * 4)
  return bytes.toString('base64')
}
