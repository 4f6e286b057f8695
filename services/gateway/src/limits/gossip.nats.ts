import type { NatsLink } from '@fluxgate/nats'
import { Gossip, type Self } from './gossip.ts'
import { type OwnPart, parseFrame, parseOwnPart, parseWholePart, type WholePart } from './gossip-frames.ts'
import type { Peer } from './gossip-peers.ts'
import type { LimitTable } from './limit-table.ts'
import { askParts, type PartsAnswer } from './shared-debits.timer.ts'

/** Core NATS, no stream: a lost frame costs accuracy for a moment, never a fact. */
const DEBITS = 'fluxgate.gossip.debits'
/** Asks any node for all that it knows. */
const WHOLE = 'fluxgate.gossip.whole'
/** `.<node>`: asks one node for what it took itself. */
const OWN = 'fluxgate.gossip.own'

const BEAT_MS = 1_000
const ANSWER_LIMIT_MS = 2_000
const JOIN_TRIES = 3
/** Frames that are kept while a joining node waits for its snapshot; what is beyond is a gap, and healed as one. */
const MAX_BUFFERED_FRAMES = 1_000

/** What a node told and heard since it joined. */
export interface GossipFigures {
  /** Frames and beats. */
  readonly sent: number
  readonly received: number
  /** Received, and not to be read. */
  readonly unreadable: number
  /** Times a peer was asked for what was missed of it, and times its answer made up for it. */
  readonly asked: number
  readonly healed: number
  /** Snapshots given to nodes that joined, and to peers that missed something. */
  readonly answered: number
  /** Accounts that this node knew from another when it began. */
  readonly joinedWith: number
  /** Peers heard within the last seconds, and those of which something is missing still. */
  readonly peers: number
  readonly behind: number
}

export interface JoinedGossip extends AsyncDisposable {
  figures(): GossipFigures
}

/**
 * Shares limits between nodes: each keeps every live account, takes its own debits at once and sends them, coalesced by
 * identity, every `intervalMs`, and at the end of the event loop's turn when an identity comes near a limit. Resolves
 * when a live node has said what it knows, or there is none.
 */
export async function joinGossip(
  link: NatsLink,
  self: Self,
  table: LimitTable,
  nowMs: () => number,
  intervalMs: number,
): Promise<JoinedGossip> {
  const member = new GossipMember(link, self, table, nowMs)
  await member.join()
  member.take(intervalMs)
  return member
}

interface Received {
  readonly data: Uint8Array
  respond(text: string): void
}

class GossipMember implements JoinedGossip {
  readonly #link: NatsLink
  readonly #self: Self
  readonly #table: LimitTable
  readonly #nowMs: () => number
  readonly #gossip: Gossip
  readonly #stack = new DisposableStack()
  /** Peers that did not answer when they were asked by their run. */
  readonly #byNode = new WeakSet<Peer>()
  readonly #asked = new Set<Peer>()
  /** Frames that came before this node has joined. */
  #retained: Uint8Array[] | undefined = []
  #isTight = false
  readonly #counts = { sent: 0, received: 0, unreadable: 0, asked: 0, healed: 0, answered: 0, joinedWith: 0 }

  constructor(link: NatsLink, self: Self, table: LimitTable, nowMs: () => number) {
    this.#link = link
    this.#self = self
    this.#table = table
    this.#nowMs = nowMs
    this.#gossip = new Gossip(self, table)
  }

  /** Takes over what the others know. */
  async join(): Promise<void> {
    this.#subscribe(DEBITS, ({ data }) => {
      if (!this.#retained) this.#hear(data)
      else if (this.#retained.length < MAX_BUFFERED_FRAMES) this.#retained.push(data)
    })
    const answer = await askWhole(this.#link)
    if (answer) {
      this.#gossip.join(answer, this.#nowMs())
      this.#counts.joinedWith = answer.reduce((sum, part) => sum + part.rows.length, 0)
    }
    for (const data of this.#retained!.splice(0)) this.#hear(data)
    this.#retained = undefined
  }

  /** Takes part: answers those who ask, and sends its own debits. */
  take(intervalMs: number): void {
    for (const name of [this.#self.boot, this.#self.node]) {
      this.#respond(`${OWN}.${name}`, () => this.#gossip.ownParts(this.#nowMs()))
    }
    this.#respond(WHOLE, () => this.#gossip.wholeParts(this.#nowMs()), 'gateways')
    this.#stack.defer(() => this.#flush())
    for (const [act, everyMs] of [
      [() => this.#flush(), intervalMs],
      [() => this.#beat(), BEAT_MS],
    ] as const) {
      this.#stack.adopt(setInterval(act, everyMs), clearInterval)
    }
    this.#stack.defer(this.#link.onReconnect(() => this.#beat()))
    this.#table.onTight = () => this.#flushSoon()
    this.#stack.defer(() => {
      this.#table.onTight = () => {}
    })
    this.#beat()
  }

  figures(): GossipFigures {
    const peers = [...this.#gossip.peers.all()].filter(peer => peer.isAlive)
    return { ...this.#counts, peers: peers.length, behind: peers.filter(peer => peer.isBehind).length }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stack.dispose()
  }

  #subscribe(subject: string, handle: (message: Received) => void, queue?: string): void {
    const subscription = this.#link.connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (!error) handle(message)
      },
    })
    this.#stack.defer(() => subscription.unsubscribe())
  }

  #respond(subject: string, parts: () => Array<OwnPart | WholePart>, queue?: string): void {
    const answer = (message: Received) => {
      this.#flush()
      this.#counts.answered++
      for (const part of parts()) message.respond(JSON.stringify(part))
    }
    this.#subscribe(subject, answer, queue)
  }

  #hear(data: Uint8Array): void {
    const frame = parseFrame(data)
    if (!frame.ok) {
      this.#counts.unreadable++
      this.#link.log.warn({ reason: frame.reason }, 'gossip cannot be read')
      return
    }
    // The server gives a node its own frames too.
    if (frame.value.boot !== this.#self.boot) this.#counts.received++
    const peer = this.#gossip.hear(frame.value, this.#nowMs())
    if (peer && !this.#asked.has(peer)) this.#heal(peer)
  }

  #heal(peer: Peer): void {
    this.#asked.add(peer)
    this.#counts.asked++
    // A node of the version before answers under its name alone.
    const name = this.#byNode.has(peer) ? peer.node : peer.boot
    askParts(this.#link, `${OWN}.${name}`, parseOwnPart, ANSWER_LIMIT_MS, answer => {
      this.#asked.delete(peer)
      if (answer.kind === 'whole') {
        this.#gossip.heal(answer.parts, this.#nowMs())
        if (!peer.isBehind) this.#counts.healed++
        return
      }
      // Its next frame or beat makes us ask again.
      if (!this.#byNode.delete(peer)) this.#byNode.add(peer)
      this.#link.log.warn(
        { peer: peer.node, answer: answer.kind },
        'gossip was missed and not made up for yet',
      )
    })
  }

  #publish(frame: object): void {
    this.#counts.sent++
    this.#link.connection.publish(DEBITS, JSON.stringify(frame))
  }

  #flush(): void {
    if (!this.#table.hasDirty) return
    if (this.#link.isConnected()) for (const frame of this.#gossip.takeFrames()) this.#publish(frame)
    else this.#gossip.skipFrames()
  }

  #flushSoon(): void {
    if (this.#isTight) return
    this.#isTight = true
    setImmediate(() => {
      this.#isTight = false
      this.#flush()
    })
  }

  #beat(): void {
    this.#gossip.peers.check(this.#nowMs())
    if (this.#link.isConnected()) this.#publish(this.#gossip.beat())
  }
}

async function askWhole(link: NatsLink): Promise<readonly WholePart[] | undefined> {
  for (let tries = 1; ; tries++) {
    const answer = await new Promise<PartsAnswer<WholePart>>(resolve =>
      askParts(link, WHOLE, parseWholePart, ANSWER_LIMIT_MS, resolve),
    )
    if (answer.kind === 'whole') return answer.parts
    if (answer.kind === 'nobody') return undefined
    if (tries === JOIN_TRIES) {
      link.log.warn(
        {},
        'no node reported what has been spent: limits begin full here, and are corrected by asking each node',
      )
      return undefined
    }
  }
}
