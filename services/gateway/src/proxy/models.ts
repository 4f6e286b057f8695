import { type Call, SELF } from '../call/index.ts'
import { anthropic, type Dialect } from '../dialects/index.ts'
import type { Request } from '../edge/index.ts'
import type { Boundary } from '../http/index.ts'
import {
  listBody,
  modelBody,
  UpstreamError,
  type UpstreamListener,
  type Upstreams,
} from '../upstreams/index.ts'

const LIST = '/v1/models'
const ONE = '/v1/models/'
const TAGS = '/api/tags'

/** Lists of models are merged over the upstreams instead of being asked of one. */
export function isModelList({ method, path }: Pick<Call, 'method' | 'path'>): boolean {
  return (method === 'GET' || method === 'HEAD') && (path === LIST || path === TAGS || path.startsWith(ONE))
}

/** `/v1/models` is a route of both APIs: Anthropic's clients name a version of theirs. */
export function dialectOfList(request: Pick<Request, 'headers'>, path: string): Dialect | undefined {
  const isShared = path === LIST || path.startsWith(ONE)
  return isShared && request.headers['anthropic-version'] !== undefined ? anthropic : undefined
}

/** Answers `GET /v1/models`, `/v1/models/{id}` and `/api/tags` as an upstream would: the listener hears one answer. */
export function answerModelList(
  upstreams: Upstreams,
  boundary: Boundary,
  call: Pick<Call, 'path' | 'dialect'>,
  listener: UpstreamListener,
): void {
  let isLeft = false
  listener.onSending({
    abort() {
      isLeft = true
    },
    pause() {},
    resume() {},
    finish() {},
  })
  listener.onAttempt(SELF, undefined)
  const listed = (bytes: Buffer): void => {
    if (isLeft) return
    listener.onStart(200, { 'content-type': 'application/json', 'content-length': String(bytes.length) })
    listener.onData(bytes)
    listener.onEnd()
  }
  const failed = (error: unknown): void => {
    if (!isLeft) listener.onError(asUpstreamError(error))
  }
  void answer(upstreams, call).then(
    bytes => boundary.enter('models_listed', listed, bytes, undefined),
    (error: unknown) => boundary.enter('models_listed', failed, error, undefined),
  )
}

async function answer(
  upstreams: Upstreams,
  { path, dialect }: Pick<Call, 'path' | 'dialect'>,
): Promise<Buffer> {
  const models = await upstreams.listModels(dialect.name)
  if (!path.startsWith(ONE)) return bytesOf(listBody(models, dialect.name))
  const id = decoded(path.slice(ONE.length))
  const model = models.find(each => each.id === id)
  if (model) return bytesOf(modelBody(model, dialect.name))
  const message = `The model ${JSON.stringify(id.slice(0, 128))} does not exist.`
  throw new UpstreamError('model_not_found', 'response', 404, message, { reason: 'not_found' })
}

function bytesOf(body: object): Buffer {
  return Buffer.from(JSON.stringify(body))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function asUpstreamError(cause: unknown): UpstreamError {
  if (cause instanceof UpstreamError) return cause
  return new UpstreamError('internal', 'response', 502, 'The models cannot be listed.', { cause })
}
