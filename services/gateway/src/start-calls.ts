import type { LookupFunction } from 'node:net'
import { SharedRoom } from '@fluxgate/contracts'
import { createMetrics, type Registry } from '@fluxgate/runtime'
import type { Identities } from './accounts/index.ts'
import type { ClientAddresses } from './addresses/index.ts'
import { openRefusalLog, passedHeaders } from './call/index.ts'
import { AcceptedKeys, callerGate, openCallers } from './callers/index.ts'
import { openTokenCounter, routesOf } from './dialects/index.ts'
import {
  Bodies,
  clientAddress,
  forwarderBy,
  type Overload,
  type Request,
  trustedNetworks,
  watchOverload,
} from './edge/index.ts'
import type { ProxyDeps } from './proxy/index.ts'
import type { Limits } from './start-limits.ts'
import type { EventLog, NodeContext } from './start-log.ts'
import { openTelemetry, type Telemetry } from './telemetry/index.ts'
import { type OpenUpstreams, openUpstreams } from './upstreams/index.ts'

/** What the proxy works with, and what other parts ask of it. */
export interface Calls extends AsyncDisposable {
  readonly proxy: ProxyDeps
  readonly upstreams: OpenUpstreams
  readonly telemetry: Telemetry
  readonly registry: Registry
  readonly overload: Overload
  readonly bodies: Bodies
  /** The client's address behind trusted proxies. */
  readonly addressOf: (request: Request) => string
}

export interface CallParts {
  readonly events: EventLog
  readonly limits: Limits
  readonly identities: Identities
  readonly addresses: ClientAddresses
  /** Absent: the system's resolver. */
  readonly lookup: LookupFunction | undefined
}

/** Ends before the log does: what still waits for its count when a node stops is settled by estimate. */
export async function startCalls(node: NodeContext, parts: CallParts): Promise<Calls> {
  await using stack = new AsyncDisposableStack()
  const { config, log, newId, nowMs, epochMs, running } = node
  const { events, addresses, lookup } = parts
  const { sessions, live, directory } = parts.identities
  const { table, budgets, prices } = parts.limits
  const { append, make, source } = events
  const { limits } = config
  const times = { nowMs, epochMs }
  const counter = stack.use(
    openTokenCounter(limits, nowMs, error => log.warn({ err: error }, 'the token counter failed')),
  )
  const room = new SharedRoom(limits.maxHeardBytes)
  const upstreams = stack.use(
    await openUpstreams(
      { urls: config.upstreamUrls, file: config.upstreamsFile, defaults: limits },
      { lookup, log, room, ...times },
    ),
  )
  const tokens = stack.use(openCallers(config.oidc, { sessions, live, lookup, log, ...times }))
  const overload = stack.use(watchOverload(limits))
  const bodies = stack.use(new Bodies(limits))
  const registry = createMetrics('gateway')
  const telemetry = stack.use(
    await openTelemetry(config.telemetry, registry, { originOf: upstreams.originOf, log, ...times }),
  )
  const logFull = events.isFull
  const { refusals } = stack.use(openRefusalLog({ append, make, source, newId, logFull, ...times }))
  const addressOf = clientAddress(trustedNetworks(config.trustedProxies), forwarderBy(config.forwardToken))
  const onError = (error: unknown) => log.error({ err: error }, 'a request failed by an error of the gateway')
  const proxy: ProxyDeps = {
    exchange: exchangeParts(node, parts, { count: counter.count, room, telemetry, onError }),
    upstreams,
    lookupKey: callerGate(directory.lookup, token => tokens.lookup(token)),
    throttleOf: addresses.throttleOf,
    limits: table,
    budgets: budgets.table,
    prices,
    estimates: limits,
    accepted: new AcceptedKeys(limits.acceptedEveryMs),
    bodies,
    refusals,
    routes: routesOf(config.extraRoutes),
    passedHeaders: passedHeaders(config.forwardHeaders),
    overloaded: () => overload.reason !== undefined,
    append,
    make,
    logFull,
    newRequestId: () => `req_${newId()}`,
    nowMs,
    epochMs,
    addressOf: request => addresses.eventAddress(addressOf(request)),
    onError,
    onReserved: telemetry.admitted,
    onRefused: telemetry.refused,
    beginTrace: telemetry.beginTrace,
    running,
  }
  const owned = stack.move()
  return {
    proxy,
    upstreams,
    telemetry,
    registry,
    overload,
    bodies,
    addressOf,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

interface ExchangeTools {
  readonly count: ProxyDeps['exchange']['count']
  readonly room: SharedRoom
  readonly telemetry: Telemetry
  readonly onError: (error: unknown) => void
}

/** What a call needs from its admission to its settlement. */
function exchangeParts(
  { config, nowMs, epochMs, running }: NodeContext,
  { events, limits: { table, budgets } }: CallParts,
  { count, room, telemetry, onError }: ExchangeTools,
): ProxyDeps['exchange'] {
  return {
    append: events.append,
    committed: events.committed,
    make: events.make,
    nowMs,
    count,
    bufferBudget: { room, maxCountedBytes: config.limits.maxCountedBytes },
    correct(call, used) {
      table.settle(call.identityText, call.tier, used.total - call.reserved, call.stream, nowMs())
      budgets.table.settle(call.id, { tokens: used.total, micros: used.costMicros ?? 0 }, epochMs())
    },
    onError,
    onEnd(exchange, end) {
      running.remove(exchange.slot)
      telemetry.ended(exchange.call, end)
    },
  }
}
