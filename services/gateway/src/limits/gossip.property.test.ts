import assert from 'node:assert/strict'
import { it } from 'node:test'
import { CAPACITY, heal, hear, join, type Node, node } from './test-nodes.ts'

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
