import { GuardPolicy, parsePosition, STREAMS, type StreamName, validatorOf } from '@fluxgate/contracts'
import { LogUnreadable, type Range } from '@fluxgate/forensics'
import type { FastifyInstance } from 'fastify'
import { body, sendError } from '../http/index.ts'
import type { Forensics } from './forensics.nats.ts'
import type { EventSearch } from './questions.ts'
import { Slots, type StreamParts, streamJob, streamTail } from './stream.http.ts'

export interface ForensicsRoutes extends StreamParts {
  readonly forensics: Forensics
}

const ALL = Object.keys(STREAMS) as StreamName[]
const MAX_PAGE = 5_000
const MAX_MOMENTS = 121
const moment = { type: 'integer', minimum: 0, maximum: 8_640_000_000_000_000 }
const cursor = { type: 'string', maxLength: 200, pattern: '^([A-Z]+\\.\\d{1,16}(_[A-Z]+\\.\\d{1,16})*)?$' }
const search = {
  streams: { type: 'string', pattern: `^(${ALL.join('|')})(,(${ALL.join('|')}))*$` },
  fact: { type: 'string', pattern: '^[a-z_]{1,40}$' },
  identity: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}(\\.[A-Za-z0-9_-]{1,64})?$' },
  text: { type: 'string', maxLength: 200 },
  from: moment,
  to: moment,
}
const span = { from: moment, to: moment }
const validatePolicy = validatorOf(GuardPolicy)

interface SearchQuery {
  readonly streams?: string
  readonly fact?: string
  readonly identity?: string
  readonly text?: string
  readonly from?: number
  readonly to?: number
}

/** Questions to the log itself, for operators. Long ones are answered by Server-Sent Events and end when the page leaves. */
export function forensicsRoutes(app: FastifyInstance, parts: ForensicsRoutes): void {
  const { forensics } = parts
  eventRoutes(app, parts)
  jobRoutes(app, parts)
  app.get<{ Params: { id: string } }>(
    '/forensics/requests/:id',
    { schema: { params: body({ id: { type: 'string', pattern: '^[0-9A-Za-z_-]{8,64}$' } }) } },
    async ({ params, signal }, reply) => {
      const found = await forensics.trace(params.id, signal)
      return (
        found ?? sendError(reply, { code: 'not_found', message: 'The log has no events for this request.' })
      )
    },
  )
}

function eventRoutes(app: FastifyInstance, parts: ForensicsRoutes): void {
  const { forensics } = parts
  const tails = { parts, places: new Slots(parts.maxTails) }
  const page = {
    order: { enum: ['newest', 'oldest'], default: 'newest' },
    after: cursor,
    limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: 500 },
  }
  type Page = SearchQuery & { order: 'newest' | 'oldest'; after?: string; limit: number }
  app.get<{ Querystring: Page }>(
    '/forensics/events',
    { schema: { querystring: { type: 'object', properties: { ...search, ...page } } } },
    async ({ query, signal }, reply) => {
      const { order, after, limit } = query
      try {
        return await forensics.events({ ...searchOf(query), order, after: positionsOf(after), limit }, signal)
      } catch (error) {
        if (error instanceof LogUnreadable) return sendError(reply, AWAY)
        throw error
      }
    },
  )
  app.get<{ Querystring: SearchQuery & { since?: string } }>(
    '/forensics/tail',
    { schema: { querystring: { type: 'object', properties: { ...search, since: cursor } } } },
    (request, reply) =>
      streamTail(request, reply, tails, (signal, onRows) =>
        forensics.tail(searchOf(request.query), positionsOf(request.query.since), signal, onRows),
      ),
  )
  const place = { type: 'string', pattern: '^[1-9]\\d{0,15}(\\.\\d{1,3})?$' }
  app.get<{ Params: { stream: string; place: string } }>(
    '/forensics/events/:stream/:place',
    { schema: { params: body({ stream: { enum: Object.values(STREAMS) }, place }) } },
    async ({ params: { stream, place } }, reply) => {
      const found = await forensics.event(parsePosition(`${stream}:${place}`)!)
      const message = 'There is no such event in the log: it was never there, or retention has dropped it.'
      return found ?? sendError(reply, { code: 'not_found', message })
    },
  )
}

function jobRoutes(app: FastifyInstance, parts: ForensicsRoutes): void {
  const { forensics } = parts
  const jobs = { parts, places: new Slots(parts.maxJobs) }
  const moments = { type: 'array', items: moment, minItems: 1, maxItems: MAX_MOMENTS }
  app.post<{ Body: { moments: number[] } }>(
    '/forensics/states',
    { schema: { body: body({ moments }) } },
    (request, reply) => {
      const asked = [...new Set(request.body.moments)].sort((a, b) => a - b)
      return streamJob(request, reply, jobs, working => forensics.states(asked, working))
    },
  )
  app.post<{ Body: { from?: number; to?: number } }>(
    '/forensics/verify',
    { schema: { body: body({}, span) } },
    (request, reply) =>
      streamJob(request, reply, jobs, working => forensics.verify(spanOf(request.body), working)),
  )
  app.get('/forensics/whatif', () => forensics.whatIfBase())
  app.post<{ Body: { policy: object; from?: number; to?: number } }>(
    '/forensics/whatif',
    { schema: { body: body({ policy: { type: 'object' } }, span) } },
    async (request, reply) => {
      const policy = validatePolicy(request.body.policy)
      if (!policy.ok)
        return sendError(reply, { code: 'invalid', message: `The policy is not valid: ${policy.reason}.` })
      return streamJob(request, reply, jobs, working =>
        forensics.whatIf(policy.value, spanOf(request.body), working),
      )
    },
  )
}

const AWAY = {
  code: 'unavailable',
  message: 'The event log is unavailable. Try again in a moment.',
} as const

function spanOf({ from, to }: { from?: number; to?: number }): Range {
  return { fromMs: from, toMs: to }
}

function searchOf({ streams, fact, identity, text, from, to }: SearchQuery): EventSearch {
  const [user, key] = identity?.split('.') ?? []
  const named = streams?.split(',') ?? ALL
  return {
    streams: ALL.filter(stream => named.includes(stream)),
    kind: fact,
    user,
    key,
    text: text === '' ? undefined : text,
    fromMs: from,
    toMs: to,
  }
}

/** `REQUESTS.12_TOKENS.30` */
function positionsOf(text: string | undefined): ReadonlyMap<string, number> {
  const parts = text ? text.split('_') : []
  return new Map(
    parts.map(part => {
      const [stream = '', sequence = ''] = part.split('.')
      return [stream, Number(sequence)]
    }),
  )
}
