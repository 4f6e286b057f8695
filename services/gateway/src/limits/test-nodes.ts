import assert from 'node:assert/strict'
import { Gossip } from './gossip.ts'
import { type Frame, parseFrame, parseOwnPart, parseWholePart } from './gossip-frames.ts'
import { LimitTable } from './limit-table.ts'

export const CAPACITY = 1_000_000
/** Nothing comes back by itself, so that every sum can be told exactly. */
const STILL = { capacity: CAPACITY, refillRate: 0 }
export const ALICE = 'alice.k1'

export interface Node {
  readonly table: LimitTable
  readonly gossip: Gossip
  spend(tokens: number, identity?: string, nowMs?: number): void
  left(identity?: string, nowMs?: number): number
}

let boots = 0
export function node(name: string, tier: object = STILL): Node {
  const table = new LimitTable()
  table.setPolicy({ tiers: { free: { ...STILL, ...tier } }, identities: {} }, 0)
  return {
    table,
    gossip: new Gossip({ node: name, boot: `${name}-${++boots}` }, table),
    spend(tokens, identity = ALICE, nowMs = 0) {
      if (tokens > 0) assert.ok(table.admit(identity, 'free', tokens, false, undefined, nowMs, nowMs).ok)
      else table.settle(identity, 'free', tokens, false, nowMs)
    },
    left: (identity = ALICE, nowMs = 0) => table.knownOf(identity, 'free', nowMs).tokens.level(nowMs),
  }
}

/** As it comes over the wire: whatever is sent must be what the others read. */
function wire<T>(value: T, parse: (bytes: Uint8Array) => { ok: boolean; value?: unknown }): T {
  const read = parse(Buffer.from(JSON.stringify(value)))
  assert.ok(read.ok, JSON.stringify(read))
  return read.value as T
}
export const hear = (to: Node, frames: readonly Frame[], nowMs = 0): boolean =>
  frames.map(frame => to.gossip.hear(wire(frame, parseFrame), nowMs)).some(behind => behind !== undefined)

export function heal(to: Node, from: Node, nowMs = 0): void {
  assert.equal(from.table.hasDirty, false, 'who answers has told what it did')
  to.gossip.heal(
    from.gossip.ownParts(nowMs).map(part => wire(part, parseOwnPart)),
    nowMs,
  )
}
export function join(to: Node, from: Node, nowMs = 0): void {
  to.gossip.join(
    from.gossip.wholeParts(nowMs).map(part => wire(part, parseWholePart)),
    nowMs,
  )
}
