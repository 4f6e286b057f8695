import { parseIdentity } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import { type Database, listThrottles, topIdentities, usageTotal } from '@fluxgate/read-model'
import { namesOf } from '../accounts/names.pg.ts'
import type { Views } from '../core/desk.ts'
import type { GatewayAdmin } from '../gateway/admin.http.ts'
import { shareFor } from '../http/share.ts'
import type { IdentityPage } from '../identities/answers.ts'
import { identityDetail } from '../identities/identity.pg.ts'
import { findIdentities } from '../identities/search.pg.ts'
import type { ThrottleEnd, ThrottlePage } from '../incidents/answers.ts'
import { findIncidentView, listIncidentViews } from '../incidents/incidents.pg.ts'
import type { RecentIncidents } from '../incidents/recent-incidents.ts'
import type { LiveThrottle } from '../live/answers.ts'
import type { LiveHub } from '../live/hub.ts'
import { shadowPage } from '../policy/shadowed.nats.ts'
import type { NodeView } from '../system/answers.ts'
import { projectionLag } from '../system/projection-lag.pg.ts'
import { systemView } from '../system/system.nats.ts'
import type { MetricsView, RangeName } from '../usage/answers.ts'
import type { LimitsOf } from '../usage/limits.nats.ts'
import { RANGE_NAMES } from '../usage/range.ts'
import { metricsView } from '../usage/usage.pg.ts'
import type { Overview } from './answers.ts'

export interface ViewSources {
  readonly db: Database
  readonly link: NatsLink
  readonly hub: LiveHub
  readonly recent: RecentIncidents
  readonly admin: GatewayAdmin
  readonly limitsOf: LimitsOf
  readonly liveNodes: () => NodeView[]
  readonly nowMs: () => number
}

export interface ViewLimits {
  readonly overviewAgeMs: number
  readonly listRows: number
  readonly nodeUsageTimeoutMs: number
  readonly shadowedMs: number
  readonly shadowedRows: number
}

/** One answer serves all who look at the same range within this time: the longer the range, the less it changes. */
const METRICS_AGE_MS: Readonly<Record<RangeName, number>> = {
  '5m': 2_000,
  '1h': 5_000,
  '24h': 30_000,
  '7d': 60_000,
  '30d': 60_000,
}
const TIMELINE_ROWS = 200

/** The operator's views: the read models, with what the log has said since put upon them. */
export function openViews(sources: ViewSources, limits: ViewLimits): Views {
  const { db, hub, recent, nowMs } = sources
  const metrics = metricsOfRanges(sources, limits)
  return {
    overview: shareFor({ ageMs: limits.overviewAgeMs, nowMs, version: () => hub.changes }, () =>
      overview(sources, limits),
    ),
    system: shareFor({ ageMs: limits.overviewAgeMs, nowMs, version: () => 0 }, () => systemView(sources)),
    metrics: range => metrics[range](),

    async identity(text, range) {
      const identity = parseIdentity(text)
      return identity && identityDetail({ ...sources, listRows: TIMELINE_ROWS }, identity, range)
    },

    shadowed: () =>
      shadowPage(sources.link, db, { sinceMs: nowMs() - limits.shadowedMs, maxRows: limits.shadowedRows }),

    async incidents(scope, before) {
      const { items, next } = await listIncidentViews(db, recent, scope, { limit: limits.listRows, before })
      return { items, names: await namesOf(db, items), ...(next === undefined ? {} : { next }) }
    },

    async incident(id) {
      const incident = await findIncidentView(db, recent, id)
      if (!incident) return undefined
      const throttle = hub.throttleOf(`${incident.userId}.${incident.keyId}`, nowMs()) ?? null
      return { incident, throttle, names: await namesOf(db, [incident]) }
    },

    throttles: () => throttles(sources, limits.listRows),
    findIdentities: text => findIdentities(db, text, limits.listRows),
    topIdentities: windowMs => identities(sources, windowMs, limits.listRows),
  }
}

function metricsOfRanges(
  { db, link, nowMs }: ViewSources,
  { nodeUsageTimeoutMs: nodeTimeoutMs }: ViewLimits,
): Readonly<Record<RangeName, () => Promise<MetricsView>>> {
  const shared = (range: RangeName) =>
    shareFor({ ageMs: METRICS_AGE_MS[range], nowMs, version: () => 0 }, () =>
      metricsView({ db, link, nodeTimeoutMs }, range, nowMs()),
    )
  return Object.fromEntries(RANGE_NAMES.map(range => [range, shared(range)])) as Record<
    RangeName,
    () => Promise<MetricsView>
  >
}

async function overview({ db, link, hub, recent, liveNodes, nowMs }: ViewSources, limits: ViewLimits) {
  const now = nowMs()
  const [open, projection] = await Promise.all([
    listIncidentViews(db, recent, 'open', { limit: limits.listRows }),
    // Without NATS nobody knows how much there is to read: unknown, and no reason to answer nothing at all.
    link.isConnected() ? projectionLag(db, link, now) : null,
  ])
  const named = [...open.items, ...ownersOf(hub.throttles(now))]
  const answer: Overview = {
    now,
    openIncidents: open.items,
    moreIncidents: open.more,
    projection,
    nodes: liveNodes(),
    names: await namesOf(db, named),
  }
  return answer
}

async function throttles({ db, hub, nowMs }: ViewSources, limit: number): Promise<ThrottlePage> {
  const active = hub.throttles(nowMs())
  const { items } = await listThrottles(db, { limit })
  const ended = items.flatMap(({ userId, keyId, state, ...row }): ThrottleEnd[] =>
    state === 'active' ? [] : [{ ...row, state, identity: `${userId}.${keyId}` }],
  )
  return { active, ended, names: await namesOf(db, [...ownersOf(active), ...items]) }
}

async function identities(
  { db, nowMs }: ViewSources,
  windowMs: number,
  limit: number,
): Promise<IdentityPage> {
  const to = nowMs()
  const from = to - windowMs
  const [items, total] = await Promise.all([
    topIdentities(db, { from, to, limit }),
    usageTotal(db, { from, to }),
  ])
  return { from, to, items, totalTokens: total.totalTokens, names: await namesOf(db, items) }
}

function ownersOf(active: readonly LiveThrottle[]) {
  return active.flatMap(({ identity }) => {
    const owner = parseIdentity(identity)
    return owner ? [{ userId: owner.user, keyId: owner.key }] : []
  })
}
