/** What was measured on one machine. */
export interface Measurements {
  /** CPU of the gateway and of nats-server for one plain request. */
  readonly gatewayMicros: number
  readonly natsMicros: number
  /** Bytes of one plain request: in the log with one copy, and in the read models. */
  readonly logBytes: number
  readonly tableBytes: number
  /** What one nats-server took of one publisher, and one projection wrote. */
  readonly logEventsPerSecond: number
  readonly projectedPerSecond: number
  readonly gossip: GossipCost
}

/** Microseconds of a frame: `fixed + rows × (row + nodes × rowAndNode)`; bytes: `frameBytes + rows × rowBytes`. */
export interface GossipCost {
  readonly hear: { readonly fixed: number; readonly row: number; readonly rowAndNode: number }
  readonly tell: { readonly fixed: number; readonly row: number }
  readonly frameBytes: number
  readonly rowBytes: number
}

export interface ClusterCost {
  readonly nodes: number
  readonly requestsPerSecond: number
  /** Of one node, what it has for requests when gossip is paid. */
  readonly requestsPerNode: number
  /** Of a node's share of a core. */
  readonly gossipShare: number
  /** Gossip that NATS delivers: each frame to each node. */
  readonly gossipMessagesPerSecond: number
  readonly gossipMbitPerSecond: number
  readonly eventsPerSecond: number
  /** Servers' cores for the events, and how many servers or projections as measured take them all. */
  readonly natsCores: number
  readonly logs: number
  readonly projections: number
  readonly logGbPerDay: number
  readonly tableGbPerDay: number
}

/** Of one core: a node that is busier than that answers late. */
export const BUSY_SHARE = 0.6
export const GOSSIP_PER_SECOND = 40
/** Admitted, completed, settled. */
export const EVENTS_PER_REQUEST = 3
/** An identity changes at the beginning of a call and at its end; at worst every call is another identity's. */
const ROWS_PER_REQUEST = 2
const DAY_SECONDS = 86_400

/**
 * What a cluster pays when every node is as busy as it may be. Rows told grow with the requests, and with them what every
 * other node pays for a request, so that `requests × (own + rows told + rows heard of all others) = what is left`.
 */
export function clusterCost(nodes: number, measured: Measurements): ClusterCost {
  const { gossip, gatewayMicros, natsMicros } = measured
  const { hear, tell } = gossip
  const budgetMicros = BUSY_SHARE * 1e6
  const fixedMicros = nodes === 1 ? 0 : GOSSIP_PER_SECOND * (nodes * hear.fixed + tell.fixed)
  const perRowMicros = nodes === 1 ? 0 : nodes * (hear.row + nodes * hear.rowAndNode) + tell.row
  const perRequestMicros = gatewayMicros + ROWS_PER_REQUEST * perRowMicros
  const requestsPerNode = Math.max(0, (budgetMicros - fixedMicros) / perRequestMicros)
  const gossipMicros = fixedMicros + requestsPerNode * ROWS_PER_REQUEST * perRowMicros
  const requestsPerSecond = nodes * requestsPerNode
  const rows = (ROWS_PER_REQUEST * requestsPerNode) / GOSSIP_PER_SECOND
  const frameBytes = gossip.frameBytes + rows * gossip.rowBytes
  const deliveries = nodes === 1 ? 0 : GOSSIP_PER_SECOND * nodes * nodes
  const eventsPerSecond = EVENTS_PER_REQUEST * requestsPerSecond
  return {
    nodes,
    requestsPerSecond,
    requestsPerNode,
    eventsPerSecond,
    gossipShare: Math.min(1, gossipMicros / budgetMicros),
    gossipMessagesPerSecond: deliveries,
    gossipMbitPerSecond: (deliveries * frameBytes * 8) / 1e6,
    natsCores: (requestsPerSecond * natsMicros) / 1e6,
    logs: eventsPerSecond / measured.logEventsPerSecond,
    projections: eventsPerSecond / measured.projectedPerSecond,
    logGbPerDay: (requestsPerSecond * measured.logBytes * DAY_SECONDS) / 1e9,
    tableGbPerDay: (requestsPerSecond * measured.tableBytes * DAY_SECONDS) / 1e9,
  }
}

/** Coefficients of the least squares of `values ≈ Σ coefficient × feature`, by the normal equations. */
export function fit(features: ReadonlyArray<readonly number[]>, values: readonly number[]): number[] {
  const size = features[0]!.length
  const rows = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) => features.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    features.reduce((sum, row, n) => sum + row[i]! * values[n]!, 0),
  ])
  for (let pivot = 0; pivot < size; pivot++) {
    const best = rows.slice(pivot).reduce((a, b) => (Math.abs(b[pivot]!) > Math.abs(a[pivot]!) ? b : a))
    const at = rows.indexOf(best)
    ;[rows[pivot], rows[at]] = [best, rows[pivot]!]
    for (const row of rows) {
      if (row === best) continue
      const factor = row[pivot]! / best[pivot]!
      for (let column = pivot; column <= size; column++) row[column]! -= factor * best[column]!
    }
  }
  return rows.map((row, i) => row[size]! / row[i]!)
}
