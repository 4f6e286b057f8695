import { jsonParser, TierName } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import Type from 'typebox'
import type { LimitTable } from '../core/limits/limit-table.ts'

/** Core NATS, no stream: a lost frame costs accuracy for a moment, never a fact. */
const DEBITS = 'fluxgate.gossip.debits'
const SNAPSHOT = 'fluxgate.gossip.snapshot'

const Row = Type.Tuple([Type.String({ maxLength: 129 }), TierName, Type.Number()])
const Frame = Type.Object({
  node: Type.String({ maxLength: 64 }),
  rows: Type.Array(Row, { maxItems: 20_000 }),
})
const parseFrame = jsonParser(Frame)

const MAX_SNAPSHOT_ROWS = 10_000
const SNAPSHOT_TIMEOUT_MS = 500

export interface Gossip extends AsyncDisposable {
  /** Tells the other nodes, within one interval, what this one took (or, negative, gave back). */
  debit(identity: string, tier: TierName, tokens: number): void
}

/**
 * Shares bucket debits between nodes: each keeps every live bucket, takes its own debits at once and sends them,
 * coalesced per identity, every `intervalMs`. Over-admission is bounded by nodes × interval × admitted rate.
 */
export async function joinGossip(
  link: NatsLink,
  node: string,
  table: LimitTable,
  nowMs: () => number,
  intervalMs: number,
): Promise<Gossip> {
  const pending = new Map<string, [identity: string, tier: TierName, tokens: number]>()
  const apply = (data: Uint8Array): void => {
    const frame = parseFrame(data)
    if (!frame.ok) {
      link.log.warn({ reason: frame.reason }, 'gossip cannot be read')
      return
    }
    if (frame.value.node === node) return
    for (const [identity, tier, tokens] of frame.value.rows) table.debit(identity, tier, tokens, nowMs())
  }
  const debits = link.connection.subscribe(DEBITS, {
    callback: (error, message) => !error && apply(message.data),
  })

  await link.connection
    .request(SNAPSHOT, node, { timeout: SNAPSHOT_TIMEOUT_MS })
    .then(message => apply(message.data))
    .catch(() => {}) // no other node yet: every bucket is full
  const snapshots = link.connection.subscribe(SNAPSHOT, {
    queue: 'gateways',
    callback: (error, message) => {
      if (error || message.string() === node) return
      const rows = []
      for (const row of table.deficits(nowMs())) if (rows.push(row) === MAX_SNAPSHOT_ROWS) break
      message.respond(JSON.stringify({ node, rows }))
    },
  })
  const flush = (): void => {
    if (pending.size === 0 || !link.isConnected()) return
    link.connection.publish(DEBITS, JSON.stringify({ node, rows: [...pending.values()] }))
    pending.clear()
  }
  const timer = setInterval(flush, intervalMs)
  return {
    debit(identity, tier, tokens) {
      const row = pending.get(identity)
      if (row) row[2] += tokens
      else pending.set(identity, [identity, tier, tokens])
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      flush()
      debits.unsubscribe()
      snapshots.unsubscribe()
    },
  }
}
