import type { Account, ResponseBuffer } from './account.ts'
import {
  type Frame,
  MAX_ROWS,
  type OwnPart,
  type OwnRow,
  type WholePart,
  type WholeRow,
} from './gossip-frames.ts'
import { type Peer, Peers } from './gossip-peers.ts'
import type { LimitTable } from './limit-table.ts'

/** Identities and users in one answer; what is beyond is left to their refill. */
const MAX_SNAPSHOT_ROWS = 40_000

export interface Self {
  readonly node: string
  /** This run of the node. */
  readonly boot: string
}

/**
 * What nodes tell each other about limits, without the wire. Each numbers its frames; who sees a gap asks that node for the
 * sums of what it took, and applies what is missing from those it has heard: never more than the refill has left of it, so
 * that old debits are not news. Sums belong to a busy time (see `Account`), so that they can be forgotten.
 */
export class Gossip {
  readonly peers = new Peers()
  readonly #self: Self
  readonly #table: LimitTable
  #seq = 0

  constructor(self: Self, table: LimitTable) {
    this.#self = self
    this.#table = table
  }

  /** What this node took since it was last asked, as frames to be sent in order. */
  takeFrames(): Frame[] {
    const frames: Frame[] = []
    const dirty = this.#table.takeDirty()
    for (let from = 0; from < dirty.length; from += MAX_ROWS) {
      const rows = dirty.slice(from, from + MAX_ROWS).map(report)
      frames.push({ ...this.#self, seq: ++this.#seq, rows })
    }
    return frames
  }

  /** What cannot be sent is left out, and leaves a gap: whoever listens later sees it and asks. */
  skipFrames(): void {
    const dirty = this.#table.takeDirty()
    if (dirty.length === 0) return
    for (const account of dirty) report(account)
    this.#seq++
  }

  /** Sent once a second, so that a lost frame is noticed though nothing follows it. */
  beat(): Frame {
    return { ...this.#self, seq: this.#seq, rows: [] }
  }

  /** Applies a frame. @returns the peer when it has to be asked for its {@link ownParts} */
  hear(frame: Frame, nowMs: number): Peer | undefined {
    if (frame.boot === this.#self.boot) return undefined
    const peer = this.peers.hear(frame.node, frame.boot, nowMs)
    const isBeat = frame.rows.length === 0
    if (isBeat ? frame.seq > peer.seq : frame.seq > peer.seq + 1) peer.isBehind = true
    if (!isBeat && frame.seq > peer.seq) {
      for (const row of frame.rows) {
        const account = this.#table.knownOf(row.id, row.tier, nowMs)
        const received = debitsIn(account, peer, row.busy)
        received.tokens += row.tokens
        received.requests += row.requests
        received.streams = row.streams
        account.debit(row.tokens, row.requests, nowMs)
      }
      peer.seq = frame.seq
    }
    return peer.isBehind ? peer : undefined
  }

  /** What this node itself took. All that it did must have been taken as frames before. */
  ownParts(nowMs: number): OwnPart[] {
    const rows: OwnRow[] = []
    for (const account of this.#table.accounts()) {
      const { ownTokens, ownRequests, streams } = account
      if (ownTokens.total === 0 && ownRequests.total === 0 && streams === 0) continue
      rows.push({
        id: account.identity,
        tier: account.tier,
        busy: account.busy,
        streams,
        tokens: { total: ownTokens.total, owed: ownTokens.owed(account.tokens.refillRate, nowMs) },
        requests: {
          total: ownRequests.total,
          owed: ownRequests.owed(account.requests?.refillRate ?? 0, nowMs),
        },
      })
      if (rows.length === MAX_SNAPSHOT_ROWS) break
    }
    return this.#partsOf(rows, MAX_ROWS)
  }

  /** Takes up what a peer says that it took, whatever of it was missed. */
  heal(parts: readonly OwnPart[], nowMs: number): void {
    const [first] = parts
    if (!first) return
    const peer = this.peers.hear(first.node, first.boot, nowMs)
    // A frame has overtaken it: what it says is known in part, and the next frame makes us ask again.
    if (first.seq < peer.seq) return
    const reported = new Set<string>()
    for (const row of parts.flatMap(part => part.rows)) {
      reported.add(row.id)
      const account = this.#table.knownOf(row.id, row.tier, nowMs)
      const received = debitsIn(account, peer, row.busy)
      const tokens = missed(row.tokens, received.tokens)
      const requests = missed(row.requests, received.requests)
      received.tokens = row.tokens.total
      received.requests = row.requests.total
      received.streams = row.streams
      account.debit(tokens, requests, nowMs)
    }
    for (const account of this.#table.accounts()) {
      const received = account.debitsOf(peer)
      if (received && !reported.has(account.identity)) received.streams = 0
    }
    peer.seq = first.seq
    peer.isBehind = false
  }

  /** All that this node knows, for one that joins. All that it did must have been taken as frames before. */
  wholeParts(nowMs: number): WholePart[] {
    const peers = [...this.peers.all()]
    const indexOf = new Map(peers.map((peer, i) => [peer as object, i + 1]))
    const rows: WholeRow[] = []
    for (const account of this.#table.accounts()) {
      if (account.isFresh(nowMs)) continue
      const received = account.received.flatMap(({ origin, busy, tokens, requests, streams }) => {
        const peer = indexOf.get(origin)
        return peer === undefined ? [] : [{ peer, busy, tokens, requests, streams }]
      })
      const { busy, ownTokens, ownRequests, streams } = account
      received.push({ peer: 0, busy, tokens: ownTokens.total, requests: ownRequests.total, streams })
      rows.push({
        id: account.identity,
        tier: account.tier,
        heard: received,
        tokens: account.tokens.missing(nowMs),
        requests: account.requests?.missing(nowMs) ?? 0,
      })
      if (rows.length === MAX_SNAPSHOT_ROWS) break
    }
    const runs = peers.map(({ node, boot, seq, isBehind }) => ({ node, boot, seq, isBehind }))
    const known = [{ ...this.#self, seq: this.#seq, isBehind: false }, ...runs]
    const rowsPerPart = Math.ceil(MAX_ROWS / known.length)
    return this.#partsOf(rows, rowsPerPart).map(part => ({ ...part, peers: known }))
  }

  /** Begins with what another node knows; before anything was heard or spent here. */
  join(parts: readonly WholePart[], nowMs: number): void {
    const peers = parts[0]?.peers.map(({ node, boot, seq, isBehind }) =>
      boot === this.#self.boot
        ? undefined
        : Object.assign(this.peers.hear(node, boot, nowMs), { seq, isBehind }),
    )
    for (const row of parts.flatMap(part => part.rows)) {
      const account = this.#table.knownOf(row.id, row.tier, nowMs)
      account.debit(row.tokens, row.requests, nowMs)
      for (const { peer: index, ...received } of row.heard) {
        const origin = peers?.[index]
        if (origin) account.received.push({ origin, ...received })
      }
    }
  }

  #partsOf<R>(rows: readonly R[], rowsPerPart: number) {
    const parts: Array<Self & { seq: number; isLast: boolean; rows: R[] }> = []
    do {
      const from = parts.length * rowsPerPart
      const isLast = from + rowsPerPart >= rows.length
      parts.push({ ...this.#self, seq: this.#seq, isLast, rows: rows.slice(from, from + rowsPerPart) })
    } while (!parts.at(-1)?.isLast)
    return parts
  }
}

/** An account as a row; it is clean then. */
function report(account: Account): Frame['rows'][number] {
  const { identity: id, tier, busy, streams, ownTokens, ownRequests } = account
  const row = { id, tier, busy, tokens: ownTokens.unreported, requests: ownRequests.unreported, streams }
  ownTokens.unreported = 0
  ownRequests.unreported = 0
  account.isDirty = false
  return row
}

/** What was heard of a peer in its present busy time. */
function debitsIn(account: Account, peer: Peer, busy: number): ResponseBuffer {
  let received = account.debitsOf(peer)
  if (!received) {
    received = { origin: peer, busy, tokens: 0, requests: 0, streams: 0 }
    account.received.push(received)
  } else if (received.busy !== busy) {
    received.busy = busy
    received.tokens = 0
    received.requests = 0
  }
  return received
}

/** What is to be taken beyond what was heard, as far as it is owed still; what was given back unheard is given back. */
function missed({ total, owed }: { total: number; owed: number }, received: number): number {
  // Heard below zero: the end of a call was heard and its beginning was not, so it has been given back here too early.
  return Math.min(total - received, owed + Math.max(0, -received))
}
