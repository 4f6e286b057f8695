import {
  type McpServer,
  ResourceNotFoundError,
  ResourceTemplate,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { type Backends, ToolError } from '../backends/index.ts'
import { type Caller, redacted } from '../calls/index.ts'
import { identityField, incidentDetailOf, requestOf } from '../views/index.ts'

const MIME = 'application/json'
/** Of what a list names: the newest. */
const MAX_NAMED = 50
/** Ids that a completion chooses from, and those it proposes. */
const MAX_KNOWN = 500
const MAX_PROPOSED = 50
const RECENT_MS = 7 * 86_400_000
const LATEST = { limit: MAX_NAMED }

/** What a template's URI names, read within a caller's budget; undefined when there is none of that id. */
export type ReadResource = (
  caller: Caller,
  signal: AbortSignal,
  read: (backends: Backends) => Promise<unknown>,
) => Promise<unknown>

interface Template {
  readonly name: string
  readonly title: string
  readonly description: string
  read(backends: Backends, id: string): Promise<unknown>
  /** Ids that a person may mean, newest or busiest first. */
  ids(backends: Backends): Promise<string[]>
}

const TEMPLATES: readonly Template[] = [
  {
    name: 'incidents',
    title: 'An incident',
    description: 'One incident with its figures, evidence and report. Subscribers are notified of changes.',
    async read(backends, id) {
      const incident = await backends.tables.incident(id)
      return incident && incidentDetailOf(incident)
    },
    ids: async backends => (await backends.tables.incidents({ limit: MAX_KNOWN })).items.map(({ id }) => id),
  },
  {
    name: 'identities',
    title: 'An identity',
    description: 'The throttles and incidents of `<user id>.<key id>`.',
    async read(backends, id) {
      const [user, key] = id.split('.')
      if (!identityField.safeParse(id).success || !user || !key) return undefined
      const identity = { user, key }
      const [throttles, incidents, isKnown] = await Promise.all([
        backends.tables.throttles({ ...LATEST, identity }),
        backends.tables.incidents({ ...LATEST, user }),
        backends.tables.hasRequestsOf(identity),
      ])
      const own = incidents.items.filter(({ keyId }) => keyId === key)
      if (!isKnown && own.length === 0 && throttles.items.length === 0) return undefined
      return { identity: id, throttles: throttles.items, incidents: own.map(incidentDetailOf) }
    },
    async ids(backends) {
      const now = backends.nowMs()
      const scope = { from: now - RECENT_MS, to: now, nowMs: now, limit: MAX_KNOWN }
      return (await backends.tables.topIdentities(scope)).map(({ userId, keyId }) => `${userId}.${keyId}`)
    },
  },
  {
    name: 'requests',
    title: 'A request',
    description: 'One request as the tables hold it; the id is the x-request-id of its response.',
    async read(backends, id) {
      const request = await backends.tables.request(id)
      return request && requestOf(request)
    },
    ids: async backends => {
      const { rows } = await recentRequests(backends)
      return rows.map(row => String(row.request_id))
    },
  },
]

async function recentRequests(backends: Backends) {
  const answer = await backends.sql.ask('select request_id from requests order by at desc', MAX_KNOWN)
  return answer.ok ? answer : { rows: [] }
}

export function incidentUri(id: string): string {
  return `fluxgate://incidents/${id}`
}

export function addResources(server: McpServer, caller: Caller, read: ReadResource): void {
  const contents = async (uri: URL, ctx: ServerContext, what: (backends: Backends) => Promise<unknown>) => {
    const found = await read(caller, ctx.mcpReq.signal, what)
    if (found === undefined) throw new ResourceNotFoundError(uri.href)
    return { contents: [{ uri: uri.href, mimeType: MIME, text: redacted(JSON.stringify(found, null, 2)) }] }
  }
  const words = (title: string, description: string) => ({ title, description, mimeType: MIME })
  server.server.registerCapabilities({ resources: { subscribe: true, listChanged: true } })
  server.registerResource(
    'policy',
    'fluxgate://policy',
    words('The guard policy', 'The rules, thresholds and penalty that the guard goes by now.'),
    (uri, ctx) =>
      contents(uri, ctx, async backends => {
        const { source, policy } = await backends.live.guardPolicy()
        return { source, policy }
      }),
  )
  server.registerResource(
    'schema',
    'fluxgate://schema',
    words('Views for run_read_query', 'Every view and column that a question in SQL may read, described.'),
    (uri, ctx) => contents(uri, ctx, backends => backends.sql.views()),
  )
  for (const { name, title, description, ids, read: readOne } of TEMPLATES) {
    const template = new ResourceTemplate(`fluxgate://${name}/{id}`, {
      list: name === 'incidents' ? ctx => listIncidents(caller, ctx, read) : undefined,
      complete: { id: start => completions(caller, read, ids, start) },
    })
    server.registerResource(name, template, words(title, description), (uri, { id }, ctx) =>
      contents(uri, ctx, backends => readOne(backends, decodeURIComponent(String(id)))),
    )
  }
}

async function listIncidents(caller: Caller, ctx: ServerContext, read: ReadResource) {
  const open = await quiet(
    read(
      caller,
      ctx.mcpReq.signal,
      async backends => (await backends.tables.incidents({ ...LATEST, openOnly: true })).items,
    ) as Promise<Array<{ id: string; rule: string; userId: string; keyId: string }>>,
  )
  return {
    resources: open.map(({ id, rule, userId, keyId }) => ({
      uri: incidentUri(id),
      name: id,
      title: `${rule} by ${userId}.${keyId}`,
      mimeType: MIME,
    })),
  }
}

/** What is known begins with what was typed; while Postgres is away nothing is proposed. */
export async function completions(
  caller: Caller,
  read: ReadResource,
  ids: (backends: Backends) => Promise<string[]>,
  start: string,
): Promise<string[]> {
  const known = await quiet(read(caller, NEVER, ids) as Promise<string[]>)
  return known.filter(id => id.startsWith(start)).slice(0, MAX_PROPOSED)
}

const NEVER = new AbortController().signal

async function quiet<T>(answer: Promise<T[]>): Promise<T[]> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ToolError) return []
    throw error
  }
}

export const incidentIds = (backends: Backends): Promise<string[]> => TEMPLATES[0]!.ids(backends)
