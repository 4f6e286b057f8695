import type { NatsLink } from '@fluxgate/nats'
import type { Database } from '@fluxgate/read-model'
import type { FastifyInstance } from 'fastify'
import { keysOf } from '../accounts/index.ts'
import { shareFor } from '../http/index.ts'
import { visitorOf } from '../sessions/index.ts'
import type { MetricsView, RangeName } from './answers.ts'
import type { LimitsOf } from './limits.nats.ts'
import { RANGE_NAMES, rangeQuery } from './range.ts'
import { metricsView, usageView } from './usage.pg.ts'

export interface OwnUsageSources {
  readonly db: Database
  readonly limitsOf: LimitsOf
  readonly nowMs: () => number
}

export interface MetricsSources {
  readonly db: Database
  readonly link: NatsLink
  readonly nowMs: () => number
  readonly nodeUsageTimeoutMs: number
}

interface RangeRoute {
  Querystring: { range: RangeName }
}

/** One answer serves all who ask for the same range within this time: the longer the range, the less it changes. */
const METRICS_AGE_MS: Readonly<Record<RangeName, number>> = {
  '5m': 2_000,
  '1h': 5_000,
  '24h': 30_000,
  '7d': 60_000,
  '30d': 60_000,
}
/** Calls of the playground are made with the session, and count under this key. */
const SESSION_KEY = 'session'

/** `GET /me/usage`: usage and limits of the visitor's own keys, and of the playground. */
export function ownUsageRoutes(app: FastifyInstance, { db, limitsOf, nowMs }: OwnUsageSources): void {
  app.get<RangeRoute>('/me/usage', { schema: { querystring: rangeQuery } }, async request => {
    const { user, tier } = visitorOf(request)
    const now = nowMs()
    const live = (await keysOf(db, user)).filter(
      ({ revokedAt, expiresAt }) => revokedAt === null && (expiresAt === null || expiresAt > now),
    )
    const limits = await limitsOf(user, tier, [...live.map(({ id }) => id), SESSION_KEY])
    return usageView(db, { user }, request.query.range, now, limits)
  })
}

/** `GET /metrics`: what went through the gateways in a range. */
export function metricsRoutes(app: FastifyInstance, sources: MetricsSources): void {
  const { db, link, nowMs, nodeUsageTimeoutMs: nodeTimeoutMs } = sources
  const shared = new Map<RangeName, () => Promise<MetricsView>>(
    RANGE_NAMES.map(range => [
      range,
      shareFor({ ageMs: METRICS_AGE_MS[range], nowMs, version: () => 0 }, () =>
        metricsView({ db, link, nodeTimeoutMs }, range, nowMs()),
      ),
    ]),
  )
  app.get<RangeRoute>('/metrics', { schema: { querystring: rangeQuery } }, ({ query }) =>
    shared.get(query.range)!(),
  )
}
