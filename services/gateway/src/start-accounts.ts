import { randomBytes } from 'node:crypto'
import { openOrders } from '@fluxgate/operations'
import type { Database } from '@fluxgate/read-model'
import type { FastifyInstance } from 'fastify'
import {
  adminAccounts,
  ensureFirstOperator,
  forgetAddressesOf,
  type Identities,
  openCredentials,
  openFailedLogins,
} from './accounts/index.ts'
import { createAdmin } from './admin/index.ts'
import type { Request } from './edge/index.ts'
import type { ReadyAnswer } from './http/index.ts'
import { refillOrders } from './limits/index.ts'
import { openPolicyBooks } from './policy/index.ts'
import { registerPortal } from './portal/index.ts'
import type { Calls } from './start-calls.ts'
import type { Limits } from './start-limits.ts'
import type { EventLog, NodeContext } from './start-log.ts'
import type { Throttles } from './start-throttles.ts'

export interface AccountParts {
  readonly events: EventLog
  readonly throttles: Throttles
  readonly identities: Identities
  readonly calls: Calls
}

export interface AdminParts extends AccountParts {
  readonly db: Database
  readonly limits: Limits
  readonly readiness: () => ReadyAnswer
}

/** The portal of developers on the public server, and the first operator where one is configured. */
export async function startPortal(
  node: NodeContext,
  app: FastifyInstance,
  { events, throttles, identities, calls }: AccountParts,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const { config, log, epochMs } = node
  const { accounts, sessions, live, directory } = identities
  const settings = { deviceSecrets: [config.sessionKeys.privateKey], registration: config.registration }
  const credentials = stack.use(await openCredentials(settings, accounts, epochMs, log))
  const { append, make } = events
  const tools = { accounts, append, make, random: randomBytes, epochMs, ...credentials }
  if (config.operator) await ensureFirstOperator(tools, config.operator)
  await registerPortal(app, {
    ...tools,
    sessions,
    live,
    failedLogins: openFailedLogins(events.link, log),
    onKeyRevoked: directory.evictKey,
    logFull: events.isFull,
    ...throttles.addresses,
    addressOf: request => calls.addressOf(request.raw as Request),
    log,
  })
  return stack.move()
}

/** The admin API on a server of its own, before it listens. */
export function startAdmin(node: NodeContext, parts: AdminParts): Promise<FastifyInstance> {
  const { config, log, nowMs, epochMs } = node
  const { events, identities, calls, db, limits } = parts
  const { watch, addresses } = parts.throttles
  const { append, make, publish, publisher, link, committed } = events
  const { directory, live } = identities
  const { table, budgets } = limits
  const books = openPolicyBooks(link, publish, make, 'admin')
  const accounts = adminAccounts({
    db,
    append,
    make,
    random: randomBytes,
    epochMs,
    // This node need not wait for the log to hear of its own orders.
    onKeyRevoked: directory.evictKey,
    onUserChanged: directory.evictUser,
    onSessionEnded: id => live.evict(id),
    forgetAddresses: forgetAddressesOf(link, addresses.forgetAddresses, epochMs),
    readLimits: books.readLimits,
  })
  const deps = {
    ...books,
    tokens: config.adminTokens,
    accounts,
    orders: openOrders({ link, publisher, make, nowMs: epochMs }),
    refill: refillOrders(table, publish, make, 'admin', nowMs),
    budgets: budgets.table,
    throttles: () => watch.entries,
    tokensLeft: () => table.tokensLeft(nowMs()),
    resolveAddress: addresses.resolveAddress,
    routing: calls.upstreams.report,
    registry: calls.registry,
    readiness: parts.readiness,
    epochMs,
    log,
  }
  return createAdmin(deps, committed, config.limits)
}
