import type { Origin } from './account.ts'
import { MAX_PEERS } from './gossip-frames.ts'

/** Streams of a node that was silent for longer count as ended; nodes are heard once a second. */
const SILENT_MS = 5_000
/** A node that was silent for longer is forgotten, and what was heard of it: it is a stranger when it comes back. */
const RETAINED_MS = 3_600_000

/** One run of another node. */
export interface Peer extends Origin {
  readonly node: string
  readonly boot: string
  /** Number of the latest frame that was applied. */
  seq: number
  /** True when frames were missed and its snapshot has not been applied yet. */
  isBehind: boolean
  seenAtMs: number
}

/** The other nodes' runs, the {@link MAX_PEERS} latest heard. */
export class Peers {
  readonly #byBoot = new Map<string, Peer>()

  get size(): number {
    return this.#byBoot.size
  }

  all(): MapIterator<Peer> {
    return this.#byBoot.values()
  }

  hear(node: string, boot: string, nowMs: number): Peer {
    let peer = this.#byBoot.get(boot)
    if (!peer) {
      // As a rule its run of before has ended. When two nodes have one NODE_ID both are heard again, each as itself.
      for (const other of this.#byBoot.values()) if (other.node === node) other.isAlive = false
      if (this.#byBoot.size >= MAX_PEERS) this.#dropSilent()
      peer = { node, boot, seq: 0, isBehind: false, seenAtMs: nowMs, isAlive: true, isGone: false }
      this.#byBoot.set(boot, peer)
    }
    peer.seenAtMs = nowMs
    peer.isAlive = true
    return peer
  }

  /** To be called every second or so. */
  check(nowMs: number): void {
    for (const peer of this.#byBoot.values()) {
      const silentMs = nowMs - peer.seenAtMs
      if (silentMs > SILENT_MS) peer.isAlive = false
      if (silentMs > RETAINED_MS) this.#drop(peer)
    }
  }

  #dropSilent(): void {
    let longest: Peer | undefined
    for (const peer of this.#byBoot.values()) {
      if (!longest || peer.seenAtMs < longest.seenAtMs) longest = peer
    }
    if (longest) this.#drop(longest)
  }

  #drop(peer: Peer): void {
    peer.isAlive = false
    peer.isGone = true
    this.#byBoot.delete(peer.boot)
  }
}
