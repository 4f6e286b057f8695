import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ModelCircuit } from './model-circuit.ts'
import { DEFAULT_POLICY } from './routing-policy.ts'

const half = () => 0.5
const fail = (circuit: ModelCircuit, caller: string, kind: 'away' | 'error', nowMs = 0) =>
  circuit.failed(caller, kind, circuit.started(caller), nowMs, half)

it('a model circuit opens for the caller whose calls fail, and for no other', () => {
  for (const kind of ['away', 'error'] as const) {
    const circuit = new ModelCircuit(DEFAULT_POLICY.circuit)
    for (let call = 0; call < 200; call++) {
      fail(circuit, 'attacker', kind, call)
      if (call % 10 === 0) circuit.succeeded('neighbour', circuit.started('neighbour'), call)
    }
    assert.equal(circuit.allows('attacker', 200), false, kind)
    assert.equal(circuit.allows('neighbour', 200), true, kind)
    assert.equal(circuit.state(200), 'closed')
  }
})

it('a model circuit opens for all when several callers fail in a row', () => {
  const circuit = new ModelCircuit(DEFAULT_POLICY.circuit)
  for (let caller = 0; caller < DEFAULT_POLICY.circuit.failures; caller++) fail(circuit, `c${caller}`, 'away')
  assert.equal(circuit.state(0), 'open')
  assert.equal(circuit.allows('new', 0), false)
})

it('a model circuit remembers 1,000 callers: beyond it the oldest may call again', () => {
  const circuit = new ModelCircuit({ ...DEFAULT_POLICY.circuit, minRequests: 100_000 })
  const failThen = (caller: string, times: number) => {
    for (let i = 0; i < times; i++) fail(circuit, caller, 'away')
    circuit.succeeded('neighbour', circuit.started('neighbour'), 0)
  }
  failThen('first', DEFAULT_POLICY.circuit.failures)
  for (let i = 0; i < 999; i++) failThen(`c${i}`, 1)
  assert.deepEqual([circuit.allows('first', 0), circuit.state(0)], [false, 'closed'])
  failThen('one more', 1)
  assert.equal(circuit.allows('first', 0), true)
})

it('a model circuit closes for a caller when their probe succeeds', () => {
  const circuit = new ModelCircuit(DEFAULT_POLICY.circuit)
  for (let call = 0; call < 5; call++) fail(circuit, 'a', 'away')
  const laterMs = DEFAULT_POLICY.circuit.openMs
  assert.equal(circuit.allows('a', laterMs), true)
  const ticket = circuit.started('a')
  assert.deepEqual([ticket.isOwnProbe, circuit.allows('a', laterMs)], [true, false])
  circuit.succeeded('a', ticket, laterMs)
  assert.equal(circuit.allows('a', laterMs), true)
})
