import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dialectOf } from './dialect-of-path.ts'

const read = (path: string, body: object | string) =>
  dialectOf(path).read(path, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))

const user = (part: object) => [{ role: 'user', content: [part] }]
const RESPONSES = '/v1/responses'
const CHAT = '/v1/chat/completions'
const MESSAGES = '/v1/messages'

/** Path, the field that the refusal names, body. */
const REFUSED: ReadonlyArray<[string, string, object]> = [
  [RESPONSES, 'previous_response_id', { previous_response_id: 'resp_1' }],
  [RESPONSES, 'conversation', { conversation: 'conv_1' }],
  [RESPONSES, 'conversation', { conversation: { id: 'conv_1' } }],
  [RESPONSES, 'background', { background: true }],
  [RESPONSES, 'background', { background: 1 }],
  [RESPONSES, 'prompt', { prompt: { id: 'pmpt_1' } }],
  ['/v1/responses/input_tokens', 'previous_response_id', { previous_response_id: 'resp_1' }],
  [RESPONSES, 'id', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
  [RESPONSES, 'id', { input: [{ id: 'msg_1' }] }],
  [RESPONSES, 'id', { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] }],
  [RESPONSES, 'id', { input: [{ type: 'image_generation_call', id: 'ig_1' }] }],
  [RESPONSES, 'file_id', { input: user({ type: 'input_file', file_id: 'file-1' }) }],
  [RESPONSES, 'file_id', { input: user({ type: 'input_image', FILE_ID: 'file-1' }) }],
  [RESPONSES, 'vector_store_ids', { tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] }],
  [RESPONSES, 'container', { tools: [{ type: 'code_interpreter', container: 'cntr_1' }] }],
  [RESPONSES, 'file_ids', { tools: [{ type: 'x', container: { type: 'auto', file_ids: ['file-1'] } }] }],
  [RESPONSES, 'container_id', { tools: [{ type: 'shell', environment: { container_id: 'cntr_1' } }] }],
  [CHAT, 'file_id', { messages: user({ type: 'file', file: { file_id: 'file-1' } }) }],
  [CHAT, 'audio', { messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] }],
  [CHAT, 'deferred', { deferred: true }],
  [CHAT, 'kv_transfer_params', { kv_transfer_params: { remote_block_ids: [1] } }],
  [CHAT, 'cached_content', { extra_body: { google: { cached_content: 'cachedContents/1' } } }],
  ['/v1/completions', 'kv_transfer_params', { kv_transfer_params: {} }],
  [
    MESSAGES,
    'file_id',
    { messages: user({ type: 'document', source: { type: 'file', file_id: 'file_1' } }) },
  ],
  [MESSAGES, 'file_id', { messages: user({ type: 'container_upload', file_id: 'file_1' }) }],
  [MESSAGES, 'container', { container: 'container_1' }],
  [MESSAGES, 'container', { container: { id: 'container_1', skills: [] } }],
  ['/v1/messages/count_tokens', 'container', { container: 'container_1' }],
  ['/v1/ocr', 'file_id', { document: { type: 'file', file_id: '1' } }],
]

const SERVED: ReadonlyArray<[string, object]> = [
  [RESPONSES, { previous_response_id: null, conversation: null, background: false, prompt: null }],
  [RESPONSES, { store: true, input: 'what is a file_id?' }],
  [RESPONSES, { input: [{ type: 'message', id: 'msg_1', role: 'assistant', content: [] }] }],
  [RESPONSES, { input: [{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' }] }],
  [RESPONSES, { input: [{ type: 'function_call', id: 'fc_1', name: 'f', arguments: '{"file_id":"1"}' }] }],
  [RESPONSES, { tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] }],
  [
    RESPONSES,
    { tools: [{ type: 'function', name: 'f', parameters: { properties: { file_id: { type: 'string' } } } }] },
  ],
  [CHAT, { messages: user({ type: 'text', text: '{"file_id":"file-1"}' }), deferred: false }],
  [CHAT, { messages: [{ role: 'user', audio: null }], audio: { voice: 'alloy', format: 'wav' } }],
  [MESSAGES, { messages: [{ role: 'assistant', content: [{ type: 'tool_use', input: { file_id: '1' } }] }] }],
  [MESSAGES, { tools: [{ name: 'f', input_schema: { properties: { container: { type: 'string' } } } }] }],
  [MESSAGES, { container: null, mcp_servers: [{ type: 'url', url: 'https://x.example' }] }],
  ['/v1/images/generations', { background: 'transparent' }],
  ['/v1/completions', { prompt: 'a conversation' }],
  ['/api/chat', { messages: [] }],
]

describe('a body', () => {
  for (const [path, field, body] of REFUSED) {
    it(`of ${path} is refused when it names stored state: ${JSON.stringify(body)}`, () => {
      const result = read(path, { model: 'm', ...body })
      assert.ok(!result.ok)
      assert.equal(result.code, 'unsupported_parameter')
      assert.ok(result.message.includes(`"${field}"`), result.message)
    })
  }

  for (const [path, body] of SERVED) {
    it(`of ${path} is read when it names nothing stored: ${JSON.stringify(body)}`, () => {
      const result = read(path, { model: 'm', ...body })
      assert.ok(result.ok, result.ok ? '' : result.message)
    })
  }

  it('is refused when a field of stored state is escaped, in another case, or there twice', () => {
    const twice = '{"previous_response_id":"resp_1","previous_response_id":null}'
    for (const body of ['{"previous\\u005fresponse_id":"x"}', '{"Background":true}', twice])
      assert.equal(read(RESPONSES, body).ok, false, body)
    const nested = '{"messages":[{"content":[{"file":{"file\\u005fid":"file-1"}}]}]}'
    assert.equal(read(CHAT, nested).ok, false)
  })

  it('is refused when stored state is named as deep as a body may be', () => {
    let value: object = { file_id: 'file-1' }
    for (let depth = 0; depth < 60; depth++) value = [{ content: value }]
    assert.equal(read(CHAT, { messages: value }).ok, false)
  })
})
