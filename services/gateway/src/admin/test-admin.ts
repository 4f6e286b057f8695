import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { eventMaker, type FluxgateEvent, parseEvent } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { openOrders, openPolicyBook } from '@fluxgate/operations'
import { type Database, migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createMetrics } from '@fluxgate/runtime'
import {
  createDatabase,
  type NatsServer,
  type PostgresServer,
  startNatsServer,
  startPostgres,
  testNats,
  testPostgres,
} from '@fluxgate/testing'
import Fastify, { type FastifyInstance } from 'fastify'
import { monotonicFactory } from 'ulid'
import { adminAccounts } from '../accounts/admin-accounts.pg.ts'
import { BudgetTable } from '../budgets/budget-table.ts'
import { assertDocumented } from '../http/test-conformity.ts'
import { LimitTable } from '../limits/limit-table.ts'
import { refillOrders } from '../limits/refill.nats.ts'
import { openLimitsBook, openPriceBook } from '../policy/policy.nats.ts'
import { registerAdmin } from './routes.http.ts'

export const TOKEN = 'a token for administrators'
export const DASHBOARD_TOKEN = 'a token for the dashboard'
export const METRICS_TOKEN = 'a token for the scraper'
export const ROUTING = { upstreams: [], waiting: 0, retries: 1, fallbacks: 0, retriesSpared: 0, file: null }
const quiet = { info() {}, warn() {}, error() {} }

export interface AdminAnswer {
  readonly status: number
  readonly text: string
  readonly json: Record<string, never>
  /** Of the error, where it is one. */
  readonly code: string | undefined
}

/** The admin face over a real log and real tables. */
export interface AdminTestEnv extends AsyncDisposable {
  readonly nats: NatsServer
  readonly postgres: PostgresServer
  readonly link: NatsLink
  readonly db: Database
  readonly events: readonly FluxgateEvent[]
  readonly limits: LimitTable
  readonly logged: readonly unknown[]
  ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    body?: object | string,
    authorization?: string,
    more?: Record<string, string>,
  ): Promise<AdminAnswer>
}

/** @param ownServers for tests that stop them */
export async function startAdmin({ ownServers = false } = {}): Promise<AdminTestEnv> {
  const stack = new AsyncDisposableStack()
  const events: FluxgateEvent[] = []
  const logged: unknown[] = []
  const nats = stack.use(await (ownServers ? startNatsServer() : testNats()))
  const postgres = stack.use(await (ownServers ? startPostgres() : testPostgres()))
  const db = stack.use(openDatabase(await createDatabase(postgres), { connectTimeoutMs: 500 }))
  await migrateToLatest(db)
  const link = stack.use(await connectNats({ url: nats.url, name: 'admin' }, quiet))
  await ensureTopology(link)
  const publisher = stack.use(new EventPublisher(link))
  const make = eventMaker('/gateway/test/boot', monotonicFactory(), Date.now)
  const limitsBook = openLimitsBook(link, event => publisher.publish(event), make, 'admin')
  const limits = new LimitTable()
  const app = Fastify()
  stack.defer(() => app.close())
  await registerAdmin(app, {
    tokens: { operator: TOKEN, dashboard: DASHBOARD_TOKEN, metrics: METRICS_TOKEN },
    accounts: adminAccounts({
      db,
      make,
      append({ event }) {
        const parsed = parseEvent(Buffer.from(JSON.stringify(event)))
        assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason)
        events.push(parsed.value)
      },
      random: randomBytes,
      epochMs: Date.now,
      readLimits: limitsBook.readLimits,
    }),
    orders: openOrders({ link, publisher, make, nowMs: Date.now }),
    refill: refillOrders(
      limits,
      event => publisher.publish(event),
      make,
      'admin',
      () => 0,
    ),
    policyBook: openPolicyBook(link, event => publisher.publish(event), make),
    ...limitsBook,
    ...openPriceBook(link, event => publisher.publish(event), make, 'admin'),
    budgets: new BudgetTable({ maxBudgetHolders: 100, maxBudgetHolds: 100, budgetLoadingMs: 0 }),
    throttles: () =>
      new Map([
        ['ann.k', throttleUntil(Date.now() + 60_000)],
        ['old.k', throttleUntil(1)],
      ]),
    tokensLeft: () => ({ 'ann.k': 42 }),
    resolveAddress: async hash => (hash === 'a_00112233445566778899' ? '203.0.113.7' : undefined),
    routing: () => ROUTING,
    registry: createMetrics('gateway'),
    readiness: () => ({ ready: true, missing: {} }),
    epochMs: Date.now,
    log: { warn: (...line) => logged.push(line), error: (...line) => logged.push(line) },
  })

  return {
    nats,
    postgres,
    link,
    db,
    events,
    limits,
    logged,
    ask: askOf(app),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Asks as an administrator, and holds each answer to the documented one. */
function askOf(app: FastifyInstance): AdminTestEnv['ask'] {
  return async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    body?: object | string,
    authorization = `Bearer ${TOKEN}`,
    more: Record<string, string> = {},
  ) => {
    const headers = {
      ...more,
      authorization,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const answer = await app.inject({
      method,
      url,
      headers,
      ...(body === undefined ? {} : { payload: body }),
    })
    await assertDocumented('admin', method, url, { status: answer.statusCode, body: answer.body })
    const isJson = String(answer.headers['content-type']).startsWith('application/json')
    const json = isJson ? answer.json() : {}
    return { status: answer.statusCode, text: answer.body, json, code: json.error?.code }
  }
}

const throttleUntil = (until: number) => {
  return { capacity: 1, refillRate: 1, imposedAt: 0, until, reason: 'r', rule: 'manual', actor: 'admin' }
}
