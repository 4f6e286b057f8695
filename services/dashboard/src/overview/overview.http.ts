import type { NatsLink } from '@fluxgate/nats'
import type { Database } from '@fluxgate/read-model'
import type { FastifyInstance } from 'fastify'
import { namesOf } from '../accounts/index.ts'
import { shareFor } from '../http/index.ts'
import { listIncidentViews, ownersOf, type RecentIncidents } from '../incidents/index.ts'
import type { LiveHub } from '../live/index.ts'
import { type NodeView, projectionLag } from '../system/index.ts'
import type { Overview } from './answers.ts'

export interface OverviewSources {
  readonly db: Database
  readonly link: NatsLink
  readonly hub: LiveHub
  readonly recent: RecentIncidents
  readonly liveNodes: () => NodeView[]
  readonly nowMs: () => number
  /** One answer serves all who ask within this time, unless an incident or a throttle changes. */
  readonly overviewAgeMs: number
  readonly listRows: number
}

/** `GET /overview`: open incidents, nodes, and how far the read models are behind. */
export function overviewRoutes(app: FastifyInstance, sources: OverviewSources): void {
  const { hub, nowMs, overviewAgeMs: ageMs } = sources
  const shared = shareFor({ ageMs, nowMs, version: () => hub.changes }, () => overview(sources))
  app.get('/overview', () => shared())
}

async function overview(sources: OverviewSources): Promise<Overview> {
  const { db, link, hub, recent, liveNodes, nowMs, listRows: limit } = sources
  const now = nowMs()
  const [open, projection] = await Promise.all([
    listIncidentViews(db, recent, 'open', { limit }),
    // Without NATS the heads of the streams are unknown, which is no reason to answer nothing at all.
    link.isConnected() ? projectionLag(db, link, now) : null,
  ])
  return {
    now,
    openIncidents: open.items,
    moreIncidents: open.more,
    projection,
    nodes: liveNodes(),
    names: await namesOf(db, [...open.items, ...ownersOf(hub.throttles(now))]),
  }
}
