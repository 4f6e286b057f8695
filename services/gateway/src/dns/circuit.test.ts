import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { askingOrder, type Circuit, CLOSED, failed, isOpen, probed } from './circuit.ts'

const LIMITS = { circuitFailures: 3, circuitOpenMs: 30_000, lastResortMs: 1_000 }

function opened(atMs: number): Circuit {
  return [1, 2, 3].reduce(circuit => failed(circuit, atMs, LIMITS), CLOSED)
}

describe('upstream circuits', () => {
  it('open after failures in a row and are tried again when their time is over', () => {
    assert.equal(isOpen(failed(failed(CLOSED, 0, LIMITS), 0, LIMITS)), false)
    const circuit = opened(10_000)
    assert.deepEqual(askingOrder([circuit, CLOSED], 39_999, LIMITS), [1])
    assert.deepEqual(askingOrder([circuit, CLOSED], 40_000, LIMITS), [0, 1])
  })

  it('let one query through while half open', () => {
    const circuit = probed(opened(10_000), 40_000)
    assert.deepEqual(askingOrder([circuit, CLOSED], 40_500, LIMITS), [1])
    assert.deepEqual(askingOrder([failed(circuit, 41_000, LIMITS), CLOSED], 42_000, LIMITS), [1])
  })

  it('with all open, try the one that opened first once a second', () => {
    const circuits = [opened(10_000), opened(5_000)]
    assert.deepEqual(askingOrder(circuits, 11_000, LIMITS), [1])
    assert.deepEqual(askingOrder([circuits[0]!, probed(circuits[1]!, 11_000)], 11_500, LIMITS), [0])
    assert.deepEqual(
      askingOrder(
        circuits.map(circuit => probed(circuit, 11_000)),
        11_500,
        LIMITS,
      ),
      [],
    )
    assert.deepEqual(askingOrder([], 0, LIMITS), [])
  })
})
