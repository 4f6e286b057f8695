import { createHash } from 'node:crypto'
import { JSON_TYPE } from './openai-chat.ts'
import { type Call, RequestFault } from './request.ts'
import { speakWhole } from './speak.ts'

export const OLLAMA_VERSION = '0.12.0'
const MODEL_DATE = '2026-01-01T00:00:00Z'
const MODEL_BYTES = 2_491_876_774
const CONTEXT_TOKENS = 131_072

/** `phi4-mini` and `phi4-mini:latest` are one model. */
export function knowsModel(models: readonly string[], name: string): boolean {
  return models.some(model => tagged(model) === tagged(name))
}

/** The faults of each dialect for a model that is not there. */
export function requireModel(call: Call, dialect: string): void {
  if (call.model === '') throw new RequestFault(400, missingModel(dialect), { param: 'model' })
  if (knowsModel(call.config.models, call.model)) return
  if (dialect === 'ollama') throw new RequestFault(404, `model '${call.model}' not found`)
  throw new RequestFault(404, `The model \`${call.model}\` does not exist or you do not have access to it.`, {
    param: 'model',
    reason: 'model_not_found',
  })
}

function missingModel(dialect: string): string {
  return dialect === 'ollama' ? 'model is required' : 'you must provide a model parameter'
}

/** `GET /v1/models` and `GET /v1/models/<id>`. */
export async function openaiModels(call: Call): Promise<void> {
  const created = Math.floor(Date.parse(MODEL_DATE) / 1_000)
  const entry = (id: string) => ({ id, object: 'model', created, owned_by: 'simulator' })
  if (call.model !== '') requireModel(call, 'openai')
  const value =
    call.model === '' ? { object: 'list', data: call.config.models.map(entry) } : entry(call.model)
  await speakWhole(call.exchange, 0, JSON_TYPE, () => JSON.stringify(value))
}

/** `GET /api/tags` (Ollama API, "List Local Models"). */
export async function ollamaTags(call: Call): Promise<void> {
  const models = call.config.models.map(model => ({
    name: tagged(model),
    model: tagged(model),
    modified_at: MODEL_DATE,
    size: MODEL_BYTES,
    digest: digestOf(model),
    details: detailsOf(model),
  }))
  await speakWhole(call.exchange, 0, JSON_TYPE, () => JSON.stringify({ models }))
}

/** `POST /api/show` (Ollama API, "Show Model Information"). */
export async function ollamaShow(call: Call): Promise<void> {
  const value = {
    license: 'none: a simulator holds no weights',
    modelfile: `FROM ${call.model}`,
    parameters: '',
    template: '{{ .Prompt }}',
    details: detailsOf(call.model),
    model_info: { 'general.architecture': 'simulated', 'simulated.context_length': CONTEXT_TOKENS },
    capabilities: call.model.includes('embed') ? ['embedding'] : ['completion', 'tools'],
    modified_at: MODEL_DATE,
  }
  await speakWhole(call.exchange, 0, JSON_TYPE, () => JSON.stringify(value))
}

/** `GET /api/ps`: a simulator keeps nothing in memory. */
export async function ollamaProcesses(call: Call): Promise<void> {
  await speakWhole(call.exchange, 0, JSON_TYPE, () => JSON.stringify({ models: [] }))
}

export async function ollamaVersion(call: Call): Promise<void> {
  await speakWhole(call.exchange, 0, JSON_TYPE, () => JSON.stringify({ version: OLLAMA_VERSION }))
}

export async function ollamaGreeting(call: Call): Promise<void> {
  await speakWhole(call.exchange, 0, 'text/plain; charset=utf-8', () => 'Ollama is running')
}

function tagged(model: string): string {
  return model.includes(':') ? model : `${model}:latest`
}

function digestOf(model: string): string {
  return createHash('sha256').update(tagged(model)).digest('hex')
}

function detailsOf(model: string) {
  return {
    parent_model: '',
    format: 'simulated',
    family: model.split(/[-:.\d]/, 1)[0] ?? model,
    families: null,
    parameter_size: '0B',
    quantization_level: 'none',
  }
}
