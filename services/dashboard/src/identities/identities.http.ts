import { MINUTE_MS, parseIdentity } from '@fluxgate/contracts'
import { topIdentities, usageTotal } from '@fluxgate/read-model'
import type { FastifyInstance } from 'fastify'
import { namesOf } from '../accounts/index.ts'
import { body, identityText as identity, orderText, sendError } from '../http/index.ts'
import { type RangeName, rangeQuery } from '../usage/index.ts'
import type { IdentityPage } from './answers.ts'
import { type DetailSources, identityDetail } from './identity.pg.ts'
import { findIdentities } from './search.pg.ts'

/** Windows of the list of identities; usage is stored by the minute. */
const WINDOWS_MINUTES = [5, 60, 1_440, 43_200]
const windowQuery = {
  type: 'object',
  properties: { minutes: { type: 'integer', enum: WINDOWS_MINUTES, default: 60 } },
}

/** Identities: the top consumers, a search, and all that is known of one. */
export function identityRoutes(
  app: FastifyInstance,
  options: DetailSources & { readonly listRows: number },
): void {
  const { db, nowMs, listRows: limit } = options
  app.get<{ Querystring: { q: string } }>(
    '/identities',
    { schema: { querystring: body({ q: orderText }) } },
    ({ query }) => findIdentities(db, query.q, limit),
  )
  app.get<{ Querystring: { minutes: number } }>(
    '/identities/top',
    { schema: { querystring: windowQuery } },
    async ({ query }): Promise<IdentityPage> => {
      const to = nowMs()
      const from = to - query.minutes * MINUTE_MS
      const [items, total] = await Promise.all([
        topIdentities(db, { from, to, limit }),
        usageTotal(db, { from, to }),
      ])
      return { from, to, items, totalTokens: total.totalTokens, names: await namesOf(db, items) }
    },
  )
  app.get<{ Params: { identity: string }; Querystring: { range: RangeName } }>(
    '/identities/:identity',
    { schema: { params: body({ identity }), querystring: rangeQuery } },
    async ({ params, query }, reply) => {
      const found = parseIdentity(params.identity)
      if (!found) return sendError(reply, { code: 'invalid', message: 'An identity is <user>.<key>.' })
      return identityDetail(options, found, query.range)
    },
  )
}
