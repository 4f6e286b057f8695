import type { ListedModel } from './upstream.ts'
import type { DialectName } from './upstream-spec.ts'

type Entry = Readonly<Record<string, unknown>>

/** Longer lists are cut: one upstream must not fill the memory of the gateway. */
const MAX_MODELS = 10_000
const MAX_ID_CHARS = 256
const UNKNOWN_DATE = '1970-01-01T00:00:00Z'

/** The models in an upstream's answer to its list route, in whichever of the three shapes it came; undefined: none. */
export function readModelList(answer: unknown, dialect: DialectName): readonly ListedModel[] | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined
  const { data, models } = answer as { data?: unknown; models?: unknown }
  const entries = Array.isArray(data) ? data : Array.isArray(models) ? models : undefined
  return entries?.slice(0, MAX_MODELS).flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return []
    const { id: named, name, created, created_at, modified_at, owned_by } = entry as Entry
    const id = named ?? name
    if (typeof id !== 'string' || id === '' || id.length > MAX_ID_CHARS) return []
    const createdS = isDate(created) ? created : secondsOf(created_at ?? modified_at)
    const ownedBy = typeof owned_by === 'string' ? owned_by : ''
    return [
      { id, createdS, ownedBy, raw: shapeOf(entry as Entry) === dialect ? (entry as Entry) : undefined },
    ]
  })
}

/** Epoch seconds that a `Date` can hold; an upstream may say anything. */
function isDate(created: unknown): created is number {
  return typeof created === 'number' && created >= 0 && created < 1e11
}

function shapeOf(entry: Entry): DialectName {
  if (entry.type === 'model') return 'anthropic'
  return typeof entry.id === 'string' ? 'openai' : 'ollama'
}

function secondsOf(date: unknown): number {
  const ms = typeof date === 'string' ? Date.parse(date) : Number.NaN
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1_000)
}

/** Lists of several upstreams as one: the first entry of each id, sorted by id. */
export function mergeModels(lists: ReadonlyArray<readonly ListedModel[]>): readonly ListedModel[] {
  const byId = new Map<string, ListedModel>()
  for (const list of lists) for (const model of list) if (!byId.has(model.id)) byId.set(model.id, model)
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The body of `GET /v1/models` (OpenAI, Anthropic) or `GET /api/tags` (Ollama). */
export function listBody(models: readonly ListedModel[], dialect: DialectName): object {
  const entries = models.map(model => modelBody(model, dialect))
  if (dialect === 'ollama') return { models: entries }
  if (dialect === 'openai') return { object: 'list', data: entries }
  return {
    data: entries,
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  }
}

/** One model in the dialect's shape; what the upstream itself told of it is kept. */
export function modelBody({ id, createdS, ownedBy, raw }: ListedModel, dialect: DialectName): object {
  const date = createdS === 0 ? UNKNOWN_DATE : new Date(createdS * 1_000).toISOString()
  if (dialect === 'openai') return { object: 'model', created: createdS, owned_by: ownedBy, ...raw, id }
  if (dialect === 'anthropic') {
    return { type: 'model', display_name: id, created_at: date, ...raw, id }
  }
  const details = { parent_model: '', format: '', family: '', families: null, parameter_size: '' }
  return {
    modified_at: date,
    size: 0,
    digest: '',
    details: { ...details, quantization_level: '' },
    ...raw,
    name: id,
    model: id,
  }
}
