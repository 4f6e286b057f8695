/**
 * First parts of paths whose calls create something with an id, or read what others created: never opened by a setting,
 * because every caller would share them under the operator's credentials.
 */
const STATEFUL: ReadonlySet<string> = new Set([
  '/v1/assistants',
  '/v1/batches',
  '/v1/chat',
  '/v1/containers',
  '/v1/conversations',
  '/v1/evals',
  '/v1/files',
  '/v1/fine_tuning',
  '/v1/messages',
  '/v1/models',
  '/v1/organization',
  '/v1/organizations',
  '/v1/projects',
  '/v1/realtime',
  '/v1/responses',
  '/v1/skills',
  '/v1/threads',
  '/v1/uploads',
  '/v1/vector_stores',
  '/v1/videos',
  '/api/blobs',
  '/api/copy',
  '/api/create',
  '/api/delete',
  '/api/pull',
  '/api/push',
])

const MAX_EXTRA_ROUTES = 32
const ENTRY = /^(GET|POST) (\/(?:v1|api)(?:\/[A-Za-z0-9_-]+)+)$/

/** One method of one exact path. */
export interface ExtraRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
}

export interface ExtraRoutes {
  readonly routes: readonly ExtraRoute[]
  readonly faults: readonly string[]
}

/**
 * `EXTRA_ROUTES`: entries such as `POST /v1/audio/translations`. Exact paths only, GET or POST, no part that a caller
 * chooses, and none that keeps state upstream.
 */
export function parseExtraRoutes(entries: readonly string[]): ExtraRoutes {
  const faults: string[] = []
  const routes: ExtraRoute[] = []
  if (entries.length > MAX_EXTRA_ROUTES) faults.push(`has more than ${MAX_EXTRA_ROUTES} routes`)
  for (const entry of entries.slice(0, MAX_EXTRA_ROUTES)) {
    const quoted = JSON.stringify(entry)
    const [, method, path = ''] = ENTRY.exec(entry) ?? []
    const root = path.split('/', 3).join('/')
    const isDouble = routes.some(route => route.path === path)
    if (method !== 'GET' && method !== 'POST') {
      faults.push(`${quoted} is not a method (GET, POST) and an exact path below /v1/ or /api/`)
    } else if (STATEFUL.has(root)) {
      faults.push(`${quoted} keeps state at the model server, which callers would share`)
    } else if (isDouble) faults.push(`${quoted} is on the list already`)
    else routes.push({ method, path })
  }
  return { routes, faults }
}
