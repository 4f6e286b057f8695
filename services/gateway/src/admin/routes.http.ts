import type { Identity, LimitsPolicy, PriceList, Throttle } from '@fluxgate/contracts'
import type { Orders, PolicyBook } from '@fluxgate/operations'
import type { Registry } from '@fluxgate/runtime'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { AdminAccounts } from '../accounts/index.ts'
import type { BudgetTable } from '../budgets/index.ts'
import {
  Alive,
  documented,
  type ErrorLog,
  errorOf,
  json,
  Ready,
  type ReadyAnswer,
  Routing,
  sendError,
  serveOpenApi,
} from '../http/index.ts'
import type { RoutingReport } from '../upstreams/index.ts'
import { routeAddresses } from './address-routes.http.ts'
import { ADMIN_API } from './admin-api.ts'
import { type AdminTokens, requireToken } from './authorize.ts'
import { routeBudgets } from './budget-routes.http.ts'
import { isUnconfirmed, UNCONFIRMED } from './confirm-order.timer.ts'
import { routeGuardPolicy } from './guard-policy-routes.http.ts'
import { routeInvitations } from './invitation-routes.http.ts'
import { routeKeys } from './key-routes.http.ts'
import { routeLimits } from './limit-routes.http.ts'
import { routePrices } from './price-routes.http.ts'
import { routeThrottles } from './throttle-routes.http.ts'
import { routeTiers } from './tier-routes.http.ts'
import { routeUsers } from './user-routes.http.ts'

export interface AdminDeps {
  readonly tokens: AdminTokens
  readonly accounts: AdminAccounts
  readonly orders: Orders
  readonly policyBook: PolicyBook
  readonly readLimits: () => Promise<LimitsPolicy>
  /** Changes the limits policy and tells what differs; a concurrent change is not lost. */
  readonly changeLimits: (change: (policy: LimitsPolicy) => LimitsPolicy) => Promise<void>
  /** Fills an identity's buckets again at every node, and tells who ordered it and why. */
  readonly refill: (identity: Identity, reason: string) => Promise<number>
  readonly readPrices: () => Promise<PriceList>
  /** Replaces the price list and tells what differs. */
  readonly putPrices: (list: PriceList) => Promise<void>
  readonly budgets: BudgetTable
  readonly throttles: () => ReadonlyMap<string, Throttle>
  readonly tokensLeft: () => Record<string, number>
  /** The clear address of a hash in events, while it is stored. */
  readonly resolveAddress: (hash: string) => Promise<string | undefined>
  readonly routing: () => RoutingReport
  readonly registry: Registry
  readonly readiness: () => ReadyAnswer
  readonly epochMs: () => number
  readonly log?: ErrorLog
}

const QUIET: ErrorLog = { warn() {}, error() {} }

/** The admin face (contract: design, section 5). Every change is an event that names `admin`. */
export async function registerAdmin(app: FastifyInstance, deps: AdminDeps): Promise<void> {
  const { log = QUIET } = deps
  await app.register(async scope => {
    requireToken(scope, deps.tokens, new Set(['/admin/health', '/admin/ready']))
    scope.setErrorHandler<Error>((error, _request, reply) => {
      if (!isUnconfirmed(error)) return sendError(reply, errorOf(error, log))
      log.warn({ err: error }, 'the event log did not take an order')
      return sendError(reply, UNCONFIRMED)
    })
    scope.setNotFoundHandler((request, reply) =>
      sendError(reply, { code: 'not_found', message: `There is no ${request.method} here.` }),
    )
    scope.addHook('onRequest', async (_request, reply) => {
      reply.header('cache-control', 'no-store')
    })
    serveOpenApi(scope, '/admin/openapi.json', ADMIN_API, true)
    routeState(scope, deps)
    routeUsers(scope, deps)
    routeInvitations(scope, deps)
    routeAddresses(scope, deps)
    routeKeys(scope, deps)
    routeTiers(scope, deps)
    routeLimits(scope, deps)
    routeBudgets(scope, deps)
    routePrices(scope, deps)
    routeThrottles(scope, deps)
    routeGuardPolicy(scope, deps)
  })
}

const HEALTH = documented({
  summary: 'Whether the process lives',
  tag: 'state',
  open: true,
  answers: { 200: json(Alive) },
})
const READY = documented({
  summary: 'Whether the node can serve, and what prevents it',
  tag: 'state',
  open: true,
  answers: { 200: json(Ready, 'It can.'), 503: json(Ready, 'It cannot, or is stopping.') },
})
const PROMETHEUS = documented({
  summary: 'Metrics in the text format of Prometheus',
  tag: 'state',
  answers: { 200: { content: { 'text/plain': Type.String() } } },
})
const TOKENS_LEFT = documented({
  summary: 'Tokens left by identity, as this node knows it',
  tag: 'state',
  answers: { 200: json(Type.Record(Type.String(), Type.Number())) },
})
const UPSTREAMS = documented({
  summary: 'How each model server does',
  tag: 'state',
  answers: { 200: json(Routing) },
})

function routeState(scope: FastifyInstance, deps: AdminDeps): void {
  scope.get('/admin/health', HEALTH, () => ({ status: 'alive' }))
  scope.get('/admin/ready', READY, (_request, reply) => {
    const answer = deps.readiness()
    return reply.code(answer.ready ? 200 : 503).send(answer)
  })
  scope.get('/metrics', PROMETHEUS, async (_request, reply) =>
    reply.type(deps.registry.contentType).send(await deps.registry.metrics()),
  )
  scope.get('/admin/metrics', TOKENS_LEFT, () => deps.tokensLeft())
  scope.get('/admin/upstreams', UPSTREAMS, () => deps.routing())
}
