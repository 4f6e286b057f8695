import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Identities } from './accounts/index.ts'
import { type DnsResolver, dnsClients, registerDnsQuery } from './dns/index.ts'
import { createEdge, type Edge, edgeMetrics, loadTls, rotateTicketKeys, watchTls } from './edge/index.ts'
import { answerAfter, type RawReply, type ReadyAnswer, serveOpenApi } from './http/index.ts'
import { type Drain, drainOf, readinessOf, readyAnswer, registerStatus } from './node/index.ts'
import { proxyOf, refuseUnknown } from './proxy/index.ts'
import { PUBLIC_API } from './public-api.ts'
import type { Calls } from './start-calls.ts'
import type { Limits } from './start-limits.ts'
import type { EventLog, NodeContext } from './start-log.ts'
import type { Throttles } from './start-throttles.ts'

export interface PublicParts {
  readonly events: EventLog
  readonly throttles: Throttles
  readonly limits: Limits
  readonly identities: Identities
  readonly calls: Calls
  readonly resolver: DnsResolver
}

/** The public server before it listens. */
export interface PublicServer extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly drain: Drain
  /** Whether the node can take calls, and what prevents it. */
  readonly readiness: () => ReadyAnswer
}

/** Model calls, DNS-over-HTTPS and the state of the node on one port. */
export async function startPublic(node: NodeContext, parts: PublicParts): Promise<PublicServer> {
  await using stack = new AsyncDisposableStack()
  const { config, log, running } = node
  const { events, calls, resolver } = parts
  const { proxy, bodies } = calls
  const { limits } = config
  const names = ['localhost', config.clusterDomain]
  const tls = config.tls ? await loadTls(config.tlsFiles, join(config.dataDir, 'tls'), names) : undefined
  const edge = createEdge({
    limits,
    calls: proxyOf(proxy),
    routes: proxy.routes,
    bodies,
    tls,
    trustedProxies: config.trustedProxies,
    corsOrigins: config.corsOrigins,
    hsts: config.tlsFiles !== undefined,
    overloaded: proxy.overloaded,
    onRefused: code => refusedAtEdge(code),
    onError: error => log.error({ err: error }, 'a connection was ended by an error of the gateway'),
  })
  const tlsWatch =
    tls && config.tlsFiles
      ? stack.use(watchTls({ files: config.tlsFiles, pair: tls, renew: edge.renewTls, log }))
      : undefined
  if (tls) stack.use(rotateTicketKeys(edge.renewTickets))
  const refusedAtEdge = edgeMetrics(
    calls.registry,
    countsOf(edge, calls, () => tlsWatch),
  )
  const drain = drainOf(edge, running, limits)
  const { app } = edge
  answerAfter(events.committed, app)
  serveOpenApi(app, '/openapi.json', PUBLIC_API, false)
  // Fastify gives what it does not know back.
  app.setNotFoundHandler((request, reply) => {
    reply.hijack()
    refuseUnknown(proxy, request.raw, reply.raw as RawReply)
  })
  if (config.dohAccess.kind !== 'off') {
    const { addressOf } = calls
    const clientOf = dnsClients(config.dohAccess, { addressOf, lookupKey: proxy.lookupKey })
    registerDnsQuery(app, resolver, { allowPlaintext: !config.tls, clientOf })
  }
  const { publisher: eventLog, link: nats } = events
  const { report, fileFault } = calls.upstreams
  const { budgets } = parts.limits
  const { directory } = parts.identities
  const throttles = parts.throttles.watch
  const { needed, degraded } = readinessOf({ drain, log: eventLog, nats, throttles, upstreams: report })
  const warnings = {
    ...degraded,
    upstreams: fileFault,
    load: () => calls.overload.reason,
    tls: () => tlsWatch?.fault,
    budgets: () => budgets.fault,
    postgres: () => (directory.isAway ? 'keys that are not cached cannot be looked up' : undefined),
  }
  const readiness = () => readyAnswer(needed, warnings)
  registerStatus(app, readiness)
  const owned = stack.move()
  return { app, drain, readiness, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

type EdgeCounts = Parameters<typeof edgeMetrics>[1]

function countsOf({ connections, sessions }: Edge, { bodies }: Calls, tls: EdgeCounts['tls']): EdgeCounts {
  return {
    connections: () => connections.size,
    sessions: () => sessions.size,
    connectionsRefused: () => connections.refused,
    stalled: () => connections.stalled + sessions.stalled,
    floods: () => sessions.flooded,
    bodyBytes: () => bodies.bufferedBytes,
    tls,
  }
}
