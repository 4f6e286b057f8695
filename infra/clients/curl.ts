import { spawn } from 'node:child_process'
import {
  type Api,
  type Client,
  EMBEDDER,
  headersOf,
  MODEL,
  PNG,
  QUESTION,
  type Run,
  TOOL_QUESTION,
  TOOL_SCHEMA,
} from './client.ts'

/** An answer with an error status, or one that curl found broken. */
class CurlError extends Error {
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

interface Got {
  readonly text: string
  readonly type: string
}

/** Bytes as they come, with nothing between: the status and the type come after them. */
async function curl(
  api: Api,
  path: string,
  body: unknown,
  onPiece = () => {},
  signal?: AbortSignal,
): Promise<Got> {
  const headers = Object.entries({
    authorization: `Bearer ${api.key}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...headersOf(api),
  }).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const data = body === undefined ? [] : ['--data-binary', '@-']
  const args = ['-sS', '-N', '--noproxy', '*', '-w', '\n%{http_code} %{content_type}', ...headers, ...data]
  const child = spawn('curl', [...args, api.origin + path], signal ? { signal } : {})
  child.stdin.end(body === undefined ? '' : JSON.stringify(body))
  let out = ''
  let fault = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('latin1')
    onPiece()
  })
  child.stderr.on('data', chunk => {
    fault += chunk
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const text = out.slice(0, out.lastIndexOf('\n'))
  const [, digits, type = ''] = /^(\d+) (.*)$/.exec(out.slice(out.lastIndexOf('\n') + 1)) ?? []
  const status = Number(digits)
  if (code !== 0) throw new CurlError(`curl ended with ${code}: ${fault}`, status)
  if (status >= 400) throw new CurlError(text, status)
  return { text, type }
}

const post =
  (path: string, body: object): Run =>
  api =>
    curl(api, path, body)
const CHAT = '/v1/chat/completions'
const asked = (content: unknown) => ({ model: MODEL, messages: [{ role: 'user', content }] })
const FUNCTION = { type: 'function', function: { name: 'get_weather', parameters: TOOL_SCHEMA } }
const CLAUDE_TOOL = { name: 'get_weather', input_schema: TOOL_SCHEMA }
const STREAMED = { stream: true, stream_options: { include_usage: true } }

export const curlClient: Client = {
  name: 'curl',
  same: {
    plain: {
      chat: post(CHAT, asked(QUESTION)),
      completions: post('/v1/completions', { model: MODEL, prompt: QUESTION }),
      messages: post('/v1/messages', { ...asked(QUESTION), max_tokens: 99 }),
      'ollama chat': post('/api/chat', { ...asked(QUESTION), stream: false }),
      'ollama version': api => curl(api, '/api/version', undefined),
    },
    streamed: {
      chat: post(CHAT, { ...asked(QUESTION), stream: true }),
      'chat with usage': post(CHAT, { ...asked(QUESTION), ...STREAMED }),
      completions: post('/v1/completions', { model: MODEL, prompt: QUESTION, stream: true }),
      messages: post('/v1/messages', { ...asked(QUESTION), max_tokens: 99, stream: true }),
      'ollama chat': post('/api/chat', asked(QUESTION)),
      'ollama generate': post('/api/generate', { model: MODEL, prompt: QUESTION }),
    },
    'tool calls': {
      chat: post(CHAT, { ...asked(TOOL_QUESTION), tools: [FUNCTION], ...STREAMED }),
      messages: post('/v1/messages', {
        ...asked(TOOL_QUESTION),
        max_tokens: 99,
        stream: true,
        tools: [CLAUDE_TOOL],
      }),
      'ollama chat': post('/api/chat', { ...asked(TOOL_QUESTION), tools: [FUNCTION] }),
    },
    images: {
      chat: post(
        CHAT,
        asked([
          { type: 'text', text: QUESTION },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
        ]),
      ),
    },
    embeddings: {
      base64: post('/v1/embeddings', { model: EMBEDDER, input: QUESTION, encoding_format: 'base64' }),
      float: post('/v1/embeddings', { model: EMBEDDER, input: [QUESTION, 'two'] }),
      ollama: post('/api/embed', { model: EMBEDDER, input: QUESTION }),
    },
    responses: {
      plain: post('/v1/responses', { model: MODEL, input: QUESTION }),
      streamed: post('/v1/responses', { model: MODEL, input: QUESTION, stream: true }),
    },
  },
  ask: (api, model = MODEL) => curl(api, CHAT, { ...asked(QUESTION), model }),
  async stream(api, onPiece, signal) {
    const { text } = await curl(api, CHAT, { ...asked(QUESTION), stream: true }, onPiece, signal)
    // What a user of curl looks for: an error frame, or no `[DONE]`.
    if (!text.endsWith('data: [DONE]\n\n')) throw new CurlError('the stream is not whole', 200)
    return text
  },
  statusOf: error => (error instanceof CurlError ? error.status : undefined),
}
