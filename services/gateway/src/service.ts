import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { checkedMaker, eventMaker, type OutgoingEvent, SharedRoom, type TierName } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { connectNats, EventPublisher, ensureTopology, openPenaltyBox, watchBucket } from '@fluxgate/nats'
import { createIds, createMetrics, type Log } from '@fluxgate/runtime'
import type { FastifyInstance } from 'fastify'
import type { GatewayConfig } from './config.ts'
import { AcceptedKeys } from './core/accepted-keys.ts'
import { ensureFirstOperator } from './core/accounts/first-operator.ts'
import { callerGate } from './core/callers/caller-gate.ts'
import { passedHeaders } from './core/exchange/headers.ts'
import { TakenRequests } from './core/recovery/taken-requests.ts'
import { Roster } from './core/roster.ts'
import { routesOf } from './core/routes/routes.ts'
import { createAdmin } from './in/admin/face.ts'
import { answerAfter } from './in/answer-after.ts'
import { dnsClients } from './in/dns-clients.ts'
import { registerDnsQuery } from './in/dns-query.ts'
import { drainOf } from './in/drain.ts'
import { Bodies } from './in/edge/bodies.ts'
import { clientAddress, forwarderBy, trustedNetworks } from './in/edge/client-address.ts'
import type { Request } from './in/edge/door.ts'
import { createEdge } from './in/edge/edge.ts'
import { watchOverload } from './in/edge/overload.ts'
import { endThrottledStreams } from './in/end-throttled-streams.ts'
import type { Exchange } from './in/exchange.ts'
import { PUBLIC_FACE } from './in/openapi/faces.ts'
import { serveOpenApi } from './in/openapi/serve.ts'
import { registerPortal } from './in/portal/portal.ts'
import { proxyOf, refuseUnknown, tellRest } from './in/proxy.ts'
import type { ProxyDeps } from './in/proxy-deps.ts'
import type { RawReply } from './in/raw-reply.ts'
import { readinessOf } from './in/readiness.ts'
import { registerStatus } from './in/status.ts'
import { adminAccounts } from './out/accounts/admin-accounts.ts'
import { openCredentials } from './out/accounts/credentials.ts'
import { openFailedLogins } from './out/accounts/failed-logins.ts'
import { forgetAddressesOf } from './out/accounts/forget-addresses.ts'
import { openIdentities } from './out/accounts/identities.ts'
import { openClientAddresses } from './out/client-addresses.ts'
import { createResolver } from './out/dns/resolver.ts'
import { edgeMetrics } from './out/edge-metrics.ts'
import { gatewayMetrics } from './out/gateway-metrics.ts'
import { openLimits } from './out/limits.ts'
import { openNodeDatabase } from './out/node-database.ts'
import { joinNodes, type NodeRegistry } from './out/node-registry.ts'
import { openCallers } from './out/oidc/open-callers.ts'
import { openPolicyBooks } from './out/policy.ts'
import { refillOrders } from './out/refill.ts'
import { openRefusalLog } from './out/refusal-log.ts'
import { openNodeSpool, settleLeft } from './out/spool.ts'
import { adoptSpools, type SpoolAdoption } from './out/spool-adoption.ts'
import { openTelemetry } from './out/telemetry.ts'
import { keepTicketsYoung, loadTls } from './out/tls.ts'
import { watchTls } from './out/tls-watch.ts'
import { openTokenCounter } from './out/token-counter.ts'
import { openUpstreams } from './out/upstreams/upstreams.ts'

export interface Gateway extends AsyncDisposable {
  readonly publicPort: number
  readonly adminPort: number
}

const NO_SPOOLS = { alive: 0, dead: 0 }
/** With few calls at a time an event's way to the log would stand in the way of their answers. */
const GATHER_MS = 1

/** A gateway node, from the log and the database up to the two faces. What is started last is stopped first. */
export async function startGateway(config: GatewayConfig, log: Log): Promise<Gateway> {
  await using stack = new AsyncDisposableStack()
  const nowMs = () => performance.now()
  const epochMs = Date.now
  const newId = createIds()
  const { limits } = config

  const link = stack.use(await connectNats({ url: config.natsUrl, name: `gateway ${config.node}` }, log))
  await ensureTopology(link, config.logStorage)
  const { db, pool } = stack.use(openNodeDatabase(config.databaseUrl, epochMs, log))
  const boot = newId()
  const running = new Roster<Exchange>()
  const onFault = (error: unknown) => log.error({ err: error }, 'a request failed by a fault of the gateway')
  const files = { ...config.spool, root: join(config.dataDir, 'spool'), node: config.node, boot }
  const taken = new TakenRequests()
  const nodeSpool = await openNodeSpool(
    link,
    files,
    () => contextOf(running, taken),
    () => taken.add(Array.from(running, exchange => exchange.call.id)),
    log,
  )
  const { spool, left } = nodeSpool
  let adoption: SpoolAdoption | undefined
  const { retainAfterAckMs } = config.spool
  const publisher = stack.use(
    new EventPublisher(link, { retainAfterAckMs: retainAfterAckMs, gatherMs: GATHER_MS }, spool),
  )
  const source = `/gateway/${config.node}/${boot.toLowerCase()}`
  const make = checkedMaker(eventMaker(source, newId, epochMs))
  const append = (event: OutgoingEvent) => {
    if (!taken.covers(event)) publisher.append(event)
  }
  const committed = (callback: () => void) => publisher.committed(callback)
  // What still waits for its count when a node stops is settled by estimate, and told before the log closes.
  const counter = stack.use(
    openTokenCounter(limits, nowMs, error => log.warn({ err: error }, 'the token counter failed')),
  )
  const penaltyBox = openPenaltyBox(link, publisher, make)
  const throttles = stack.use(
    await watchBucket(link, penaltyBox.bucket, {
      heartbeat: true,
      onChange: (identity, throttle) => endThrottledStreams(running, identity, throttle, epochMs()),
    }),
  )

  const addresses = stack.use(
    await openClientAddresses(link, {
      throttles: () => throttles.entries,
      identityOf: addressIdentity,
      epochMs,
      log,
    }),
  )
  const clientAddressOf = clientAddress(
    trustedNetworks(config.trustedProxies),
    forwarderBy(config.forwardToken),
  )
  const { node, dataDir } = config
  const { table, budgets, prices, gossip } = stack.use(
    await openLimits(link, {
      node,
      boot,
      dataDir,
      limits,
      append,
      make,
      nowMs,
      epochMs,
      onGuard: addresses.onGuard,
      log,
    }),
  )

  const { directory, accounts, sessions, live } = stack.use(
    openIdentities({ link, db, keys: config.sessionKeys, epochMs, log }),
  )
  let nodes: NodeRegistry | undefined
  const resolver = stack.use(
    createResolver({
      upstreams: config.dohUpstreams,
      overrides: config.dohOverrides,
      clusterDomain: config.clusterDomain,
      nodes: () => nodes?.live() ?? [],
    }),
  )
  // With resolvers of our own, no name is asked of the system's.
  const lookup = config.dohUpstreams.length > 0 ? resolver.lookup : undefined
  const heldOfAnswers = new SharedRoom(limits.maxHeardBytes)
  const upstreams = stack.use(
    await openUpstreams(
      { urls: config.upstreamUrls, file: config.upstreamsFile, defaults: limits },
      { lookup, log, nowMs, epochMs, room: heldOfAnswers },
    ),
  )
  const tokens = stack.use(openCallers(config.oidc, { sessions, live, lookup, log, nowMs, epochMs }))
  const overload = stack.use(watchOverload(limits))
  const bodies = stack.use(new Bodies(limits))
  const routes = routesOf(config.extraRoutes)
  const registry = createMetrics('gateway')
  const telemetry = stack.use(
    await openTelemetry(config.telemetry, registry, { originOf: upstreams.originOf, log, nowMs, epochMs }),
  )
  gatewayMetrics(registry, {
    publisher,
    spool,
    otherSpools: () => adoption?.others ?? NO_SPOOLS,
    link,
    gossip,
    spans: telemetry.spans,
    keys: directory,
    pool,
    dns: resolver.stats,
    activeRequests: () => running.size,
    liveBuckets: () => table.size,
    throttles: () => throttles.entries.size,
    throttleSilenceMs: throttles.silentMs,
    routing: upstreams.report,
  })

  const logFull = () => publisher.full
  const { refusals } = stack.use(openRefusalLog({ append, make, source, newId, logFull, nowMs, epochMs }))
  const proxy: ProxyDeps = {
    exchange: {
      append,
      committed,
      make,
      nowMs,
      count: counter.count,
      heardRoom: { room: heldOfAnswers, maxCountedBytes: limits.maxCountedBytes },
      correct(call, used) {
        table.settle(call.identityText, call.tier, used.total - call.reserved, call.stream, nowMs())
        budgets.table.settle(call.id, { tokens: used.total, micros: used.costMicros ?? 0 }, epochMs())
      },
      onFault,
      onEnd(exchange, end) {
        running.remove(exchange.place)
        telemetry.ended(exchange.call, end)
      },
    },
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
    routes,
    passedHeaders: passedHeaders(config.forwardHeaders),
    overloaded: () => overload.reason !== undefined,
    append,
    make,
    logFull,
    newRequestId: () => `req_${newId()}`,
    nowMs,
    epochMs,
    addressOf: request => addresses.eventAddress(clientAddressOf(request)),
    onFault,
    onReserved: telemetry.admitted,
    onRefused: telemetry.refused,
    beginTrace: telemetry.beginTrace,
    running,
  }

  const names = ['localhost', config.clusterDomain]
  const tls = config.tls ? await loadTls(config.tlsFiles, join(config.dataDir, 'tls'), names) : undefined
  const edge = createEdge({
    limits,
    calls: proxyOf(proxy),
    routes,
    bodies,
    tls,
    trustedProxies: config.trustedProxies,
    corsOrigins: config.corsOrigins,
    hsts: config.tlsFiles !== undefined,
    overloaded: () => overload.reason !== undefined,
    onRefused: code => refusedAtEdge(code),
    onFault: error => log.error({ err: error }, 'a connection was ended by an error of the gateway'),
  })
  const tlsFiles =
    tls && config.tlsFiles
      ? stack.use(watchTls({ files: config.tlsFiles, pair: tls, renew: edge.renewTls, log }))
      : undefined
  if (tls) stack.use(keepTicketsYoung(edge.renewTickets))
  const refusedAtEdge = edgeMetrics(registry, {
    connections: () => edge.connections.size,
    sessions: () => edge.sessions.size,
    connectionsRefused: () => edge.connections.refused,
    stalled: () => edge.connections.stalled + edge.sessions.stalled,
    floods: () => edge.sessions.flooded,
    bodyBytes: () => bodies.heldBytes,
    tls: () => tlsFiles,
  })
  const drain = drainOf(edge, running, limits)
  answerAfter(committed, edge.app)
  serveOpenApi(edge.app, '/openapi.json', PUBLIC_FACE, false)
  edge.app.setNotFoundHandler((request, reply) => {
    reply.hijack()
    refuseUnknown(proxy, request.raw, reply.raw as RawReply)
  })
  if (config.dohAccess.kind !== 'off') {
    const clientOf = dnsClients(config.dohAccess, { addressOf: clientAddressOf, lookupKey: proxy.lookupKey })
    registerDnsQuery(edge.app, resolver, { allowPlaintext: !config.tls, clientOf })
  }
  const { report, fileFault } = upstreams
  const readiness = readinessOf({ drain, log: publisher, nats: link, throttles, upstreams: report })
  registerStatus(edge.app, readiness.needed, {
    ...readiness.degraded,
    upstreams: fileFault,
    load: () => overload.reason,
    tls: () => tlsFiles?.fault,
    budgets: () => budgets.fault,
    postgres: () => (directory.isAway ? 'keys that are not cached cannot be looked up' : undefined),
  })
  const deviceSecrets = [config.sessionKeys.privateKey]
  const credentials = stack.use(
    await openCredentials({ deviceSecrets, registration: config.registration }, accounts, epochMs, log),
  )
  const tools = { accounts, append, make, random: randomBytes, epochMs, ...credentials }
  if (config.operator) await ensureFirstOperator(tools, config.operator)
  await registerPortal(edge.app, {
    ...tools,
    sessions,
    live,
    failedLogins: openFailedLogins(link, log),
    onKeyRevoked: directory.evictKey,
    logFull: () => publisher.full,
    ...addresses,
    addressOf: request => clientAddressOf(request.raw as Request),
    log,
  })
  const publish = (event: OutgoingEvent) => publisher.publish(event)
  const books = openPolicyBooks(link, publish, make, 'admin')
  const adminDeps = {
    ...books,
    tokens: config.adminTokens,
    accounts: adminAccounts({
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
    }),
    penaltyBox,
    refill: refillOrders(table, publish, make, 'admin', nowMs),
    budgets: budgets.table,
    throttles: () => throttles.entries,
    tokensLeft: () => table.tokensLeft(nowMs()),
    resolveAddress: addresses.resolveAddress,
    routing: upstreams.report,
    registry,
    epochMs,
    log,
  }
  const admin = await createAdmin(adminDeps, committed, limits)

  const refillRateOf = (identity: string, tier: TierName) => table.tierOf(identity, tier).refillRate
  const settle = (open: typeof left) => settleLeft(open, { link, make, append, refillRateOf, prices, log })
  const settled = () => committed(() => spool.releaseAdopted())
  await settle(left)
  settled()
  const { isConnected } = link
  const lookEveryMs = config.spool.lookEveryMs
  adoption = stack.use(
    adoptSpools({ spool: nodeSpool, everyMs: lookEveryMs, isConnected, settle, settled, log }),
  )
  await budgets.whenLoaded(limits.budgetStartMs)

  // From here on requests come in; stopping begins with what comes last.
  stack.defer(() => tellRest(proxy))
  stack.defer(() => admin.close())
  await admin.listen({ host: config.adminHost, port: config.adminPort })
  stack.defer(() => drain.stop())
  // Fastify hands what it does not know on to Node.
  const listening = { host: config.publicHost, port: config.publicPort, reusePort: config.reusePort }
  await edge.app.listen(listening)
  const publicPort = portOf(edge.app) ?? config.publicPort
  const adminPort = portOf(admin) ?? config.adminPort
  const self = { node: config.node, address: config.advertiseAddress, port: publicPort, started: epochMs() }
  nodes = stack.use(await joinNodes(link, self, epochMs))
  log.info({ node: config.node, publicPort, adminPort, tls: config.tls }, 'gateway listens')
  const owned = stack.move()
  return { publicPort, adminPort, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function* contextOf(running: Iterable<Exchange>, taken: TakenRequests): Generator<OutgoingEvent> {
  for (const exchange of running) if (!taken.has(exchange.call.id)) yield* exchange.context()
}

function portOf(app: FastifyInstance): number | undefined {
  const address = app.server.address()
  return typeof address === 'object' ? address?.port : undefined
}
