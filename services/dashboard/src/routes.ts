import type { EventMaker, GatewayNode } from '@fluxgate/contracts'
import type { EventPublisher, NatsLink } from '@fluxgate/nats'
import {
  openDeadLetters,
  openOrders,
  openPolicies,
  openPolicyBook,
  type PenaltyBox,
} from '@fluxgate/operations'
import type { Database } from '@fluxgate/read-model'
import type { FastifyInstance } from 'fastify'
import { openUsers, userRoutes } from './accounts/index.ts'
import type { DashboardConfig } from './config.ts'
import { forensicsRoutes, openForensics } from './forensics/index.ts'
import { type GatewayAdmin, playRoutes, portalRoutes } from './gateway/index.ts'
import { shareFor } from './http/index.ts'
import { identityRoutes } from './identities/index.ts'
import { incidentRoutes, type RecentIncidents } from './incidents/index.ts'
import { type LiveHub, liveRoutes } from './live/index.ts'
import { overviewRoutes } from './overview/index.ts'
import { policyRoutes } from './policy/index.ts'
import {
  requireRole,
  requireSameOrigin,
  requireVisitor,
  type Sessions,
  sessionRoutes,
} from './sessions/index.ts'
import { systemRoutes } from './system/index.ts'
import { type LimitsOf, metricsRoutes, modelToTry, ownUsageRoutes } from './usage/index.ts'

export interface RouteSources {
  readonly config: DashboardConfig
  readonly db: Database
  readonly link: NatsLink
  readonly publisher: EventPublisher
  readonly make: EventMaker
  readonly penaltyBox: PenaltyBox
  readonly gatewayCa: Buffer | undefined
  readonly sessions: Sessions
  readonly hub: LiveHub
  readonly recent: RecentIncidents
  readonly liveNodes: () => GatewayNode[]
  readonly admin: GatewayAdmin
  readonly limitsOf: LimitsOf
  readonly nowMs: () => number
}

/** All routes but the page: the JSON API, the live stream, and what is forwarded to the gateway. */
export async function addRoutes(app: FastifyInstance, sources: RouteSources): Promise<void> {
  const { config, db, sessions, nowMs } = sources
  const modelAge = { ageMs: config.limits.modelAgeMs, nowMs, version: () => 0 }
  const target = { ...config, ...config.limits, gatewayCa: sources.gatewayCa }
  app.decorateRequest('visitor', null)
  await app.register(async scope => portalRoutes(scope, sessions, target))
  await app.register(async scope => playRoutes(scope, sessions, target), { prefix: '/play' })
  await app.register(async scope => liveRoutes(scope, sessions, { ...config.limits, ...sources }), {
    prefix: '/api',
  })
  await app.register(
    async api => {
      api.addHook('onRequest', async (_request, reply) => {
        reply.header('cache-control', 'no-store')
      })
      api.addHook('onRequest', requireSameOrigin(sessions))
      api.addHook('onRequest', requireVisitor(sessions))
      sessionRoutes(api, {
        ...target,
        modelToTry: shareFor(modelAge, () => modelToTry(db, nowMs(), config.model)),
      })
      ownUsageRoutes(api, sources)
      await api.register(async operators => {
        operators.addHook('onRequest', requireRole('operator'))
        operatorRoutes(operators, sources)
      })
    },
    { prefix: '/api' },
  )
}

function operatorRoutes(app: FastifyInstance, sources: RouteSources): void {
  const { config, link, publisher, make, sessions } = sources
  const options = { ...config.limits, ...sources }
  const policyBook = openPolicyBook(link, event => publisher.publish(event), make)
  const policies = openPolicies(link, policyBook)
  overviewRoutes(app, options)
  metricsRoutes(app, options)
  incidentRoutes(app, {
    ...options,
    orders: openOrders({ ...options, timeoutMs: config.limits.orderTimeoutMs }),
  })
  identityRoutes(app, options)
  policyRoutes(app, { ...options, policies, policyBook })
  userRoutes(app, openUsers(options))
  systemRoutes(app, { ...options, deadLetters: openDeadLetters(options) })
  forensicsRoutes(app, {
    ...options,
    ...sessions,
    forensics: openForensics(
      { ...options, policies, requestRetentionMs: config.requestRetentionMs },
      config.limits,
    ),
  })
}
