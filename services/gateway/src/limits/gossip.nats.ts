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
  readonly figures: () => GossipFigures
}

/**
 * Shares limits between nodes: each keeps every live account, takes its own debits at once and sends them, coalesced by
 * identity, every `intervalMs`, and at the end of the event loop's turn when an identity comes near a limit. Resolves
 * when a live node has told what it knows, or there is none.
 */
export async function joinGossip(
  link: NatsLink,
  self: Self,
  table: LimitTable,
  nowMs: () => number,
  intervalMs: number,
): Promise<JoinedGossip> {
  const gossip = new Gossip(self, table)
  /** Peers that did not answer when they were asked by their run. */
  const byNode = new WeakSet<Peer>()
  const asked = new Set<Peer>()
  let retained: Uint8Array[] | undefined = []
  const counts = { sent: 0, received: 0, unreadable: 0, asked: 0, healed: 0, answered: 0, joinedWith: 0 }

  const publish = (frame: object): void => {
    counts.sent++
    link.connection.publish(DEBITS, JSON.stringify(frame))
  }
  const flush = (): void => {
    if (!table.hasDirty) return
    if (link.isConnected()) for (const frame of gossip.takeFrames()) publish(frame)
    else gossip.skipFrames()
  }
  const beat = (): void => {
    gossip.peers.check(nowMs())
    if (link.isConnected()) publish(gossip.beat())
  }
  const hear = (data: Uint8Array): void => {
    const frame = parseFrame(data)
    if (!frame.ok) {
      counts.unreadable++
      link.log.warn({ reason: frame.reason }, 'gossip cannot be read')
      return
    }
    // The server gives a node its own frames too.
    if (frame.value.boot !== self.boot) counts.received++
    const peer = gossip.hear(frame.value, nowMs())
    if (peer && !asked.has(peer)) heal(peer)
  }
  const heal = (peer: Peer): void => {
    asked.add(peer)
    counts.asked++
    // A node of the version before answers under its name alone.
    const name = byNode.has(peer) ? peer.node : peer.boot
    askParts(link, `${OWN}.${name}`, parseOwnPart, ANSWER_LIMIT_MS, answer => {
      asked.delete(peer)
      if (answer.kind === 'whole') {
        gossip.heal(answer.parts, nowMs())
        if (!peer.isBehind) counts.healed++
      }
      // Its next frame or beat makes us ask again.
      else {
        if (!byNode.delete(peer)) byNode.add(peer)
        link.log.warn({ peer: peer.node, answer: answer.kind }, 'gossip was missed and not made up for yet')
      }
    })
  }

  const frames = link.connection.subscribe(DEBITS, {
    callback: (error, { data }) => {
      if (error) return
      if (!retained) hear(data)
      else if (retained.length < MAX_BUFFERED_FRAMES) retained.push(data)
    },
  })
  const answer = await join(link)
  if (answer) {
    gossip.join(answer, nowMs())
    counts.joinedWith = answer.reduce((sum, part) => sum + part.rows.length, 0)
  }
  for (const data of retained.splice(0)) hear(data)
  retained = undefined

  const respond = (subject: string, parts: () => Array<OwnPart | WholePart>, queue?: string) =>
    link.connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error) return
        flush()
        counts.answered++
        for (const part of parts()) message.respond(JSON.stringify(part))
      },
    })
  const own = [self.boot, self.node].map(name => respond(`${OWN}.${name}`, () => gossip.ownParts(nowMs())))
  const whole = respond(WHOLE, () => gossip.wholeParts(nowMs()), 'gateways')

  let isTight = false
  table.onTight = () => {
    if (isTight) return
    isTight = true
    setImmediate(() => {
      isTight = false
      flush()
    })
  }
  const timers = [setInterval(flush, intervalMs), setInterval(beat, BEAT_MS)]
  const offReconnect = link.onReconnect(beat)
  beat()
  return {
    figures: () => {
      const peers = [...gossip.peers.all()].filter(peer => peer.isAlive)
      return { ...counts, peers: peers.length, behind: peers.filter(peer => peer.isBehind).length }
    },
    async [Symbol.asyncDispose]() {
      table.onTight = () => {}
      offReconnect()
      for (const timer of timers) clearInterval(timer)
      flush()
      for (const subscription of [frames, ...own, whole]) subscription.unsubscribe()
    },
  }
}

async function join(link: NatsLink): Promise<readonly WholePart[] | undefined> {
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
