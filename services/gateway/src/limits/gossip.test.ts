import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_PEERS, MAX_ROWS } from './gossip-frames.ts'
import { Peers } from './gossip-peers.ts'
import { ALICE, CAPACITY, heal, hear, join, node } from './test-nodes.ts'

describe('gossip', () => {
  it('tells debits, requests and streams, coalesced by identity', () => {
    const [a, b] = [node('a', { requestsPerMinute: 60 }), node('b', { requestsPerMinute: 60 })]
    a.spend(100)
    a.spend(50)
    a.spend(-30)
    a.table.admit(ALICE, 'free', 1, true, undefined, 0, 0)
    const frames = a.gossip.takeFrames()
    assert.equal(frames.length, 1)
    assert.deepEqual(
      frames[0]!.rows.map(({ id, tokens }) => [id, tokens]),
      [
        [ALICE, 121],
        ['alice', 121],
      ],
    )
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

  it('tells that a bucket was filled again, whoever had emptied it', () => {
    const [a, b] = [node('a'), node('b')]
    a.spend(100)
    a.table.settle(ALICE, 'free', 4_000_000_000, false, 0)
    hear(b, a.gossip.takeFrames())
    assert.deepEqual([a.left(), b.left()], [-CAPACITY, -CAPACITY], 'the largest debt')
    assert.equal(b.table.refill(ALICE, 0), 2 * CAPACITY)
    assert.equal(b.left(), CAPACITY)
    hear(a, b.gossip.takeFrames())
    assert.equal(a.left(), CAPACITY)
    assert.equal(a.table.refill('stranger.k1', 0), 0)
  })

  it('bounds the debt that a healed gap leaves, and ends it everywhere with the refill', () => {
    const [a, b] = [node('a', { refillRate: 1_000 }), node('b', { refillRate: 1_000 })]
    a.table.settle(ALICE, 'free', 4_000_000_000, false, 0)
    a.gossip.skipFrames()
    hear(b, [a.gossip.beat()])
    heal(b, a)
    assert.deepEqual([a.left(), b.left()], [-3_600_000, -3_600_000])
    const paidMs = 4_600_000
    assert.deepEqual([a.left(ALICE, paidMs), b.left(ALICE, paidMs)], [CAPACITY, CAPACITY])
    a.spend(10, ALICE, paidMs)
    hear(b, a.gossip.takeFrames(), paidMs)
    assert.equal(b.left(ALICE, paidMs), CAPACITY - 10)
  })

  it('shares the limits of a user over all keys, whichever node they call', () => {
    const nodes = [node('a'), node('b'), node('c')]
    for (const [i, each] of nodes.entries()) each.spend(300_000, `alice.k${i}`)
    const frames = nodes.map(each => each.gossip.takeFrames())
    for (const [i, each] of nodes.entries()) hear(each, frames.toSpliced(i, 1).flat())
    for (const [i, each] of nodes.entries()) {
      assert.equal(each.left('alice'), CAPACITY - 900_000)
      assert.equal(each.left(`alice.k${i}`), CAPACITY - 300_000)
      const refused = each.table.admit(`alice.k${i}`, 'free', 100_001, false, undefined, 0, 0)
      assert.equal(!refused.ok && refused.limit, 'user:tokens')
    }
    nodes[0]!.table.settle('alice.k0', 'free', -200_000, false, 0)
    hear(nodes[1]!, nodes[0]!.gossip.takeFrames())
    assert.equal(nodes[1]!.left('alice'), CAPACITY - 700_000)
  })

  it('heals and tells newcomers what all keys of a user took together', () => {
    const [a, b, late] = [node('a'), node('b'), node('late')]
    a.spend(100, 'alice.k1')
    a.gossip.skipFrames()
    b.spend(10, 'alice.k2')
    hear(a, b.gossip.takeFrames())
    a.spend(1, 'alice.k3')
    assert.equal(hear(b, a.gossip.takeFrames()), true)
    heal(b, a)
    join(late, b)
    for (const each of [a, b, late]) assert.equal(each.left('alice'), CAPACITY - 111)
    assert.equal(b.table.refill('alice.k2', 0), 10)
    const refill = b.gossip.takeFrames()
    for (const each of [a, late]) hear(each, refill)
    assert.deepEqual([a.left('alice'), late.left('alice')], [CAPACITY, CAPACITY])
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

  it('does not charge debits again that the refill has paid back during a partition', () => {
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

  it('begins with what a live node knows, and counts nothing twice', () => {
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
    assert.equal([...b.gossip.peers.all()].filter(({ isAlive }) => isAlive).length, 1)
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
    const users = MAX_ROWS + 1
    for (let i = 0; i < users; i++) a.spend(i + 1, `u${i}.k`)
    const frames = a.gossip.takeFrames()
    assert.deepEqual(
      frames.map(frame => [frame.seq, frame.rows.length]),
      [
        [1, MAX_ROWS],
        [2, MAX_ROWS],
        [3, 2],
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
    assert.equal(b.table.knownOf(ALICE, 'free', 0).received.length, MAX_PEERS)
    const peers = new Peers()
    peers.hear('a', 'a-1', 0)
    peers.check(3_600_001)
    assert.equal(peers.size, 0)
  })
})

it('gossip counts the debits of two nodes of one NODE_ID once each, however they alternate', () => {
  const [one, two, third] = [node('twin'), node('twin'), node('c')]
  for (let i = 0; i < 20; i++) {
    for (const twin of [one, two]) {
      twin.spend(10)
      if (hear(third, twin.gossip.takeFrames())) heal(third, twin)
    }
  }
  assert.equal(third.left(), CAPACITY - 400)
})
