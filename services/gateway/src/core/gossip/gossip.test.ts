import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LimitTable } from '../limits/limit-table.ts'
import { type Frame, MAX_PEERS, MAX_ROWS, parseFrame, parseOwnPart, parseWholePart } from './frames.ts'
import { Gossip } from './gossip.ts'
import { Peers } from './peers.ts'

const CAPACITY = 1_000_000
/** Nothing comes back by itself, so that every sum can be told exactly. */
const STILL = { capacity: CAPACITY, refillRate: 0 }
const ALICE = 'alice.k1'

interface Node {
  readonly table: LimitTable
  readonly gossip: Gossip
  spend(tokens: number, identity?: string, nowMs?: number): void
  left(identity?: string, nowMs?: number): number
}

let boots = 0
function node(name: string, tier: object = STILL): Node {
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
const hear = (to: Node, frames: readonly Frame[], nowMs = 0): boolean =>
  frames.map(frame => to.gossip.hear(wire(frame, parseFrame), nowMs)).some(behind => behind !== undefined)

function heal(to: Node, from: Node, nowMs = 0): void {
  assert.equal(from.table.hasDirty, false, 'who answers has told what it did')
  to.gossip.heal(
    from.gossip.ownParts(nowMs).map(part => wire(part, parseOwnPart)),
    nowMs,
  )
}
function join(to: Node, from: Node, nowMs = 0): void {
  to.gossip.join(
    from.gossip.wholeParts(nowMs).map(part => wire(part, parseWholePart)),
    nowMs,
  )
}

describe('gossip', () => {
  it('tells debits, requests and streams, coalesced by identity', () => {
    const [a, b] = [node('a', { requestsPerMinute: 60 }), node('b', { requestsPerMinute: 60 })]
    a.spend(100)
    a.spend(50)
    a.spend(-30)
    a.table.admit(ALICE, 'free', 1, true, undefined, 0, 0)
    const frames = a.gossip.takeFrames()
    assert.equal(frames.length, 1)
    assert.equal(frames[0]!.rows.length, 1)
    assert.equal(hear(b, frames), false)
    assert.equal(b.left(), CAPACITY - 121)
    const account = b.table.knownOf(ALICE, 'free', 0)
    assert.equal(account.requests?.level(0), 57)
    assert.equal(account.allStreams, 1)
    a.table.settle(ALICE, 'free', 0, true, 0)
    hear(b, a.gossip.takeFrames())
    assert.equal(account.allStreams, 0)
    assert.deepEqual(a.gossip.takeFrames(), [], 'nothing new')
  })

  it('counts a repeated frame, and its own, once', () => {
    const [a, b] = [node('a'), node('b')]
    a.spend(100)
    const frames = a.gossip.takeFrames()
    hear(b, frames)
    assert.equal(hear(b, frames), false)
    assert.equal(hear(a, frames), false)
    assert.deepEqual([a.left(), b.left()], [CAPACITY - 100, CAPACITY - 100])
  })

  it('sees a gap, and makes up for exactly what it missed', () => {
    const [a, b] = [node('a'), node('b')]
    a.spend(100)
    hear(b, a.gossip.takeFrames())
    a.spend(20)
    a.spend(7, 'bob.k1')
    a.gossip.takeFrames() // lost
    a.spend(3)
    assert.equal(hear(b, a.gossip.takeFrames()), true)
    assert.equal(b.left(), CAPACITY - 103, 'what came is applied at once')
    heal(b, a)
    assert.equal(b.left(), CAPACITY - 123)
    assert.equal(b.left('bob.k1'), CAPACITY - 7)
    heal(b, a)
    assert.equal(b.left(), CAPACITY - 123, 'a second answer changes nothing')
    a.spend(1)
    assert.equal(hear(b, a.gossip.takeFrames()), false, 'it follows again')
  })

  it('notices a lost last frame by the beat', () => {
    const [a, b] = [node('a'), node('b')]
    assert.equal(hear(b, [a.gossip.beat()]), false)
    a.spend(100)
    a.gossip.takeFrames()
    assert.equal(hear(b, [a.gossip.beat()]), true)
    heal(b, a)
    assert.equal(b.left(), CAPACITY - 100)
    assert.equal(hear(b, [a.gossip.beat()]), false)
  })

  it('leaves a gap for what could not be sent, and gives back what a missed refund gave', () => {
    const [a, b] = [node('a'), node('b')]
    a.spend(500)
    hear(b, a.gossip.takeFrames())
    a.spend(-400)
    a.gossip.skipFrames()
    assert.equal(a.table.hasDirty, false, 'nothing piles up while nobody hears')
    assert.equal(hear(b, [a.gossip.beat()]), true)
    heal(b, a)
    assert.equal(b.left(), CAPACITY - 100)
  })

  it('does not let an answer that a frame has overtaken count twice', () => {
    const [a, b] = [node('a'), node('b')]
    a.spend(10)
    a.gossip.takeFrames()
    const answer = a.gossip.ownParts(0)
    a.spend(5)
    assert.equal(hear(b, a.gossip.takeFrames()), true)
    b.gossip.heal(answer, 0)
    assert.equal(b.left(), CAPACITY - 5)
    assert.equal(hear(b, [a.gossip.beat()]), true, 'it still has to ask')
    heal(b, a)
    assert.equal(b.left(), CAPACITY - 15)
  })

  it('does not punish for what was paid back while nobody heard', () => {
    const [a, b] = [node('a', { refillRate: 100 }), node('b', { refillRate: 100 })]
    // An hour of half of what the tier refills, unheard.
    for (let second = 0; second < 3_600; second++) {
      a.spend(50, ALICE, second * 1_000)
      a.gossip.skipFrames()
    }
    const nowMs = 3_600_000
    assert.equal(hear(b, [a.gossip.beat()], nowMs), true)
    heal(b, a, nowMs)
    assert.equal(b.left(ALICE, nowMs), CAPACITY)
    // What is not paid back yet counts in full.
    a.spend(5_000, ALICE, nowMs)
    a.gossip.skipFrames()
    hear(b, [a.gossip.beat()], nowMs)
    heal(b, a, nowMs)
    assert.equal(b.left(ALICE, nowMs), CAPACITY - 5_000)
  })

  it('begins with what a live node knows, and is told nothing twice by the others', () => {
    const [a, b, late] = [node('a'), node('b'), node('late')]
    a.spend(100)
    b.spend(10)
    const [fromA, fromB] = [a.gossip.takeFrames(), b.gossip.takeFrames()]
    hear(a, fromB)
    hear(b, fromA)
    b.spend(1)
    const later = b.gossip.takeFrames()
    hear(a, later)
    join(late, a)
    assert.equal(late.left(), CAPACITY - 111)
    assert.equal(hear(late, [...fromA, ...fromB, ...later]), false, 'frames from before the answer are known')
    assert.equal(late.left(), CAPACITY - 111)
    b.spend(5)
    b.gossip.takeFrames()
    b.spend(2)
    assert.equal(hear(late, b.gossip.takeFrames()), true)
    heal(late, b)
    heal(late, a)
    assert.equal(late.left(), CAPACITY - 118)
  })

  it('takes a restarted node for a new one, and ends the streams of the old', () => {
    const [a, b] = [node('a'), node('b')]
    a.table.admit(ALICE, 'free', 40, true, undefined, 0, 0)
    hear(b, a.gossip.takeFrames())
    assert.equal(b.table.knownOf(ALICE, 'free', 0).allStreams, 1)
    const again = node('a')
    join(again, b)
    assert.equal(again.left(), CAPACITY - 40)
    again.spend(2)
    assert.equal(hear(b, again.gossip.takeFrames()), false)
    assert.equal(b.left(), CAPACITY - 42)
    assert.equal(b.table.knownOf(ALICE, 'free', 0).allStreams, 0)
    assert.equal(b.gossip.peers.size, 1)
  })

  it('counts the streams of a silent node as ended, until it is heard again', () => {
    const [a, b] = [node('a'), node('b')]
    a.table.admit(ALICE, 'free', 1, true, undefined, 0, 0)
    hear(b, a.gossip.takeFrames())
    const account = b.table.knownOf(ALICE, 'free', 0)
    b.gossip.peers.check(4_000)
    assert.equal(account.allStreams, 1)
    b.gossip.peers.check(6_000)
    assert.equal(account.allStreams, 0)
    hear(b, [a.gossip.beat()], 7_000)
    assert.equal(account.allStreams, 1)
  })

  it('splits what is too much for one message', () => {
    const [a, b, late] = [node('a'), node('b'), node('late')]
    const users = MAX_ROWS * 2 + 1
    for (let i = 0; i < users; i++) a.spend(i + 1, `u${i}.k`)
    const frames = a.gossip.takeFrames()
    assert.deepEqual(
      frames.map(frame => [frame.seq, frame.rows.length]),
      [
        [1, MAX_ROWS],
        [2, MAX_ROWS],
        [3, 1],
      ],
    )
    hear(b, [frames[0]!, frames[2]!])
    assert.equal(a.gossip.ownParts(0).length, 3)
    heal(b, a)
    join(late, a)
    for (const each of [b, late]) {
      for (let i = 0; i < users; i += 97) assert.equal(each.left(`u${i}.k`), CAPACITY - i - 1)
    }
    const message = Buffer.byteLength(JSON.stringify(frames[0]))
    assert.ok(message < 1_000_000, `${message} bytes`)
  })

  it('remembers a bounded number of peers, and forgets what it heard of those that are gone', () => {
    const b = node('b')
    for (let i = 0; i < MAX_PEERS + 10; i++) {
      const peer = node(`peer-${i}`)
      peer.spend(1)
      hear(b, peer.gossip.takeFrames(), i)
    }
    assert.equal(b.gossip.peers.size, MAX_PEERS)
    b.table.forget(1, 1)
    assert.equal(b.table.knownOf(ALICE, 'free', 0).heard.length, MAX_PEERS)
    const peers = new Peers()
    peers.hear('a', 'a-1', 0)
    peers.check(3_600_001)
    assert.equal(peers.size, 0)
  })
})

/** mulberry32: small, seeded, and good enough to shuffle with. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A run of nodes that lose, repeat and never get messages, restart and join; @returns tokens that were spent in all. */
function shake(seed: number): { nodes: Node[]; spent: number } {
  const draw = random(seed)
  const nodes = [node('n0'), node('n1'), node('n2')]
  const taken = new Map<Node, number>()
  let spent = 0
  const send = (from: Node, lossy: boolean): void => {
    const frames = from.gossip.takeFrames()
    const beat = from.gossip.beat()
    for (const to of nodes) {
      if (to === from) continue
      const arrived = frames.filter(() => !lossy || draw() < 0.6)
      const behind = hear(to, draw() < 0.2 ? arrived.flatMap(frame => [frame, frame]) : arrived)
      const late = hear(to, lossy && draw() < 0.5 ? [] : [beat])
      if ((behind || late) && (!lossy || draw() < 0.5)) heal(to, from)
    }
  }
  // A full bucket has no room for what is given back before its debit is heard of.
  nodes[0]!.spend(50_000)
  spent += 50_000
  send(nodes[0]!, false)
  for (let step = 0; step < 400; step++) {
    const who = nodes[Math.floor(draw() * nodes.length)]!
    const event = draw()
    if (event < 0.6) {
      // What a node gives back it has taken itself.
      const mine = taken.get(who) ?? 0
      const tokens = draw() < 0.4 ? -Math.floor(draw() * Math.min(mine, 100)) : 1 + Math.floor(draw() * 50)
      if (tokens !== 0) who.spend(tokens)
      taken.set(who, mine + tokens)
      spent += tokens
    } else if (event < 0.9) send(who, true)
    else if (event < 0.97) who.gossip.skipFrames()
    else {
      // It stops in order: all that it did is known to who is asked for it.
      send(who, false)
      const index = nodes.indexOf(who)
      const other = nodes[(index + 1) % nodes.length]!
      send(other, false)
      nodes[index] = node(`n${index}`)
      join(nodes[index]!, other)
    }
  }
  for (const from of nodes) send(from, false)
  return { nodes, spent }
}

it('has exact sums at every node after any losses, restarts and joins', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { nodes, spent } = shake(seed)
    for (const each of nodes) {
      assert.equal(each.left(), CAPACITY - spent, `seed ${seed}`)
    }
  }
})
