import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sampleGossip } from './gossip.ts'
import { BUSY_SHARE, clusterCost, fit, type Measurements } from './model.ts'

const measured: Measurements = {
  gatewayMicros: 100,
  natsMicros: 50,
  logBytes: 2_000,
  tableBytes: 500,
  logEventsPerSecond: 100_000,
  projectedPerSecond: 30_000,
  gossip: {
    hear: { fixed: 5, row: 1, rowAndNode: 0.01 },
    tell: { fixed: 3, row: 0.5 },
    frameBytes: 100,
    rowBytes: 90,
  },
}

describe('the cost model', () => {
  it('finds the coefficients that the figures were made of', () => {
    const features = [1, 2, 5, 9].flatMap(rows => [2, 4, 8].map(nodes => [1, rows, rows * nodes]))
    const found = fit(
      features,
      features.map(([, rows = 0, both = 0]) => 7 + 3 * rows + 0.5 * both),
    )
    for (const [i, wanted] of [7, 3, 0.5].entries()) assert.ok(Math.abs(found[i]! - wanted) < 1e-9)
  })

  it('has a lone node pay for its requests alone', () => {
    const one = clusterCost(1, measured)
    assert.equal(one.requestsPerNode, (BUSY_SHARE * 1e6) / 100)
    assert.deepEqual([one.gossipShare, one.gossipMessagesPerSecond], [0, 0])
    assert.equal(one.natsCores, 0.3)
    assert.equal(one.eventsPerSecond, 18_000)
    assert.equal(one.projections, 0.6)
  })

  it('spends exactly what a node may, on requests and gossip together', () => {
    for (const nodes of [2, 10, 64]) {
      const { requestsPerNode, gossipShare } = clusterCost(nodes, measured)
      const spent = requestsPerNode * measured.gatewayMicros + gossipShare * BUSY_SHARE * 1e6
      assert.ok(Math.abs(spent - BUSY_SHARE * 1e6) < 1e-3)
    }
  })

  it('sees where gossip leaves nothing for requests', () => {
    const many = clusterCost(10_000, measured)
    assert.deepEqual([many.requestsPerNode, many.gossipShare], [0, 1])
  })

  it('is fed by nodes that hear what the others tell', () => {
    const few = sampleGossip(3, 4)
    assert.ok(few.hearMicros > 0 && few.tellMicros > 0)
    assert.ok(sampleGossip(3, 40).frameBytes > few.frameBytes + 36 * 50)
  })
})
