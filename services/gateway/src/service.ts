import { createIds, type Log, SlotList } from '@fluxgate/runtime'
import type { FastifyInstance } from 'fastify'
import { openIdentities } from './accounts/index.ts'
import type { GatewayConfig } from './config.ts'
import { createResolver } from './dns/index.ts'
import { joinNodes, type NodeRegistry, openNodeDatabase } from './node/index.ts'
import { reportAcceptedKeys } from './proxy/index.ts'
import { startAdmin, startPortal } from './start-accounts.ts'
import { startCalls } from './start-calls.ts'
import { startLimits } from './start-limits.ts'
import { type NodeContext, startLog } from './start-log.ts'
import { startPublic } from './start-public.ts'
import { startRecovery } from './start-recovery.ts'
import { startThrottles } from './start-throttles.ts'
import { gatewayMetrics } from './telemetry/index.ts'

export interface Gateway extends AsyncDisposable {
  readonly publicPort: number
  readonly adminPort: number
}

/** A gateway node, from the log and the database up to its two servers. What is started last is stopped first. */
export async function startGateway(config: GatewayConfig, log: Log): Promise<Gateway> {
  await using stack = new AsyncDisposableStack()
  const node = contextOf(config, log)
  const { epochMs, running } = node

  const events = stack.use(await startLog(node))
  const { link } = events
  const { db, pool } = stack.use(openNodeDatabase(config.databaseUrl, epochMs, log))
  const throttles = stack.use(await startThrottles(node, events))
  const { addresses } = throttles
  const limits = stack.use(await startLimits(node, events, addresses.onGuard))
  const identities = stack.use(openIdentities({ link, db, keys: config.sessionKeys, epochMs, log }))

  let nodes: NodeRegistry | undefined
  const { dohUpstreams: upstreams, dohOverrides: overrides, clusterDomain } = config
  const resolver = stack.use(
    createResolver({ upstreams, overrides, clusterDomain, nodes: () => nodes?.live() ?? [] }),
  )
  // With DoH upstreams no name is asked of the system's resolver.
  const lookup = upstreams.length > 0 ? resolver.lookup : undefined

  const calls = stack.use(await startCalls(node, { events, limits, identities, addresses, lookup }))
  const parts = { events, throttles, limits, identities, resolver, calls, db }
  const server = stack.use(await startPublic(node, parts))
  stack.use(await startPortal(node, server.app, parts))
  const admin = await startAdmin(node, { ...parts, readiness: server.readiness })
  const recovery = stack.use(await startRecovery(node, events, limits))
  gatewayMetrics(calls.registry, {
    ...events,
    ...calls,
    pool,
    recovery,
    throttles: throttles.watch,
    keys: identities.directory,
    table: limits.table,
    gossip: limits.gossip,
    dns: () => resolver.stats(),
    activeRequests: () => running.size,
  })
  await limits.budgets.whenLoaded(config.limits.budgetStartMs)

  // From here on requests come in; stopping begins with what comes last.
  stack.defer(() => reportAcceptedKeys(calls.proxy))
  stack.defer(() => admin.close())
  const adminPort = await listen(admin, { host: config.adminHost, port: config.adminPort, exclusive: true })
  stack.defer(() => server.drain.stop())
  const { publicHost: host, reusePort } = config
  const publicPort = await listen(server.app, { host, port: config.publicPort, reusePort })
  const self = { node: config.node, address: config.advertiseAddress, port: publicPort, started: epochMs() }
  nodes = stack.use(await joinNodes(link, self, epochMs))
  log.info({ node: config.node, publicPort, adminPort, tls: config.tls }, 'gateway listens')
  const owned = stack.move()
  return { publicPort, adminPort, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function contextOf(config: GatewayConfig, log: Log): NodeContext {
  const newId = createIds()
  const nowMs = () => performance.now()
  return { config, log, newId, boot: newId(), nowMs, epochMs: Date.now, running: new SlotList() }
}

/**
 * Fastify passes options that it does not know to Node. `exclusive`: not shared with other workers of the machine.
 * @returns the port, which the system chose for port 0
 */
async function listen(
  app: FastifyInstance,
  options: { host: string; port: number; reusePort?: boolean; exclusive?: boolean },
): Promise<number> {
  await app.listen(options)
  const address = app.server.address()
  return typeof address === 'object' && address ? address.port : options.port
}
