import { Gossip, LimitTable, parseFrame } from '@fluxgate/gateway/testing'

/** One simulated cluster: what a node pays for a frame that it hears, and for one that it tells. */
export interface GossipSample {
  readonly nodes: number
  /** Identities in a frame. */
  readonly rows: number
  readonly hearMicros: number
  readonly tellMicros: number
  readonly frameBytes: number
}

/** CPU time that a sample takes at least, so that garbage is in it. */
const SAMPLE_MS = 150
const WARM_INTERVALS = 20
const TOKENS = 100

/**
 * So many nodes in one process, the gateways' own code without the wire: every interval each of them takes tokens from
 * the same identities and tells it; the first one hears them all. Each node of a cluster pays what the first does.
 */
export function sampleGossip(nodes: number, rows: number): GossipSample {
  const cluster = Array.from({ length: nodes }, (_, i) => newNode(`node-${i}`))
  const identities = Array.from({ length: rows }, (_, i) => `user_${String(i).padStart(8, '0')}.key_${i}`)
  const first = cluster[0]!
  const spent = { hearMs: 0, tellMs: 0, heard: 0, reported: 0, bytes: 0 }
  let nowMs = 0
  for (let interval = 0; interval < WARM_INTERVALS || spent.hearMs < SAMPLE_MS; interval++) {
    nowMs += 25
    if (interval === WARM_INTERVALS)
      Object.assign(spent, { hearMs: 0, tellMs: 0, heard: 0, reported: 0, bytes: 0 })
    for (const { table } of cluster) {
      for (const identity of identities) table.admit(identity, 'gold', TOKENS, false, undefined, nowMs, nowMs)
    }
    const frames: Buffer[] = []
    spent.tellMs += cpuMsOf(() => {
      for (const { gossip } of cluster) {
        for (const frame of gossip.takeFrames()) frames.push(Buffer.from(JSON.stringify(frame)))
      }
    })
    spent.hearMs += cpuMsOf(() => {
      // The server gives a node its own frame too.
      for (const bytes of frames) {
        const frame = parseFrame(bytes)
        if (!frame.ok) throw new Error(frame.reason)
        first.gossip.hear(frame.value, nowMs)
      }
    })
    spent.heard += frames.length
    spent.reported += frames.length
    spent.bytes += frames.reduce((sum, { length }) => sum + length, 0)
  }
  return {
    nodes,
    rows,
    hearMicros: (spent.hearMs * 1_000) / spent.heard,
    tellMicros: (spent.tellMs * 1_000) / spent.reported,
    frameBytes: spent.bytes / spent.reported,
  }
}

function newNode(name: string) {
  const table = new LimitTable()
  // No call of the simulation may be refused, or it would not be told.
  table.setPolicy({ tiers: { gold: { capacity: 1e12, refillRate: 1e9 } }, identities: {} }, 0)
  return { table, gossip: new Gossip({ node: name, boot: `${name}-boot` }, table) }
}

function cpuMsOf(action: () => void): number {
  const before = process.cpuUsage()
  action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
