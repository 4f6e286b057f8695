/** Whether an upstream is asked: closed (`openUntilMs` 0), open until then, or after that half open. */
export interface Circuit {
  readonly failures: number
  readonly openUntilMs: number
  /** When it was last let through while open or half open. */
  readonly probedAtMs: number
}

export interface CircuitLimits {
  readonly circuitFailures: number
  readonly circuitOpenMs: number
  readonly lastResortMs: number
}

export const CLOSED: Circuit = Object.freeze({ failures: 0, openUntilMs: 0, probedAtMs: 0 })

export function failed(circuit: Circuit, nowMs: number, limits: CircuitLimits): Circuit {
  const failures = circuit.failures + 1
  if (failures < limits.circuitFailures) return { ...circuit, failures }
  return { ...circuit, failures, openUntilMs: nowMs + limits.circuitOpenMs }
}

export function probed(circuit: Circuit, nowMs: number): Circuit {
  return circuit.openUntilMs === 0 ? circuit : { ...circuit, probedAtMs: nowMs }
}

export function isOpen(circuit: Circuit): boolean {
  return circuit.openUntilMs > 0
}

/**
 * Indexes of the upstreams to ask, in configured order: the closed ones, and the half-open ones once in a while.
 * When every circuit is open the one that opened first is tried as a last resort, so that an outage of our own network
 * does not outlive itself by the whole open time.
 */
export function askingOrder(circuits: readonly Circuit[], nowMs: number, limits: CircuitLimits): number[] {
  const rested = (circuit: Circuit) => nowMs - circuit.probedAtMs >= limits.lastResortMs
  const order = circuits.flatMap((circuit, index) => {
    const isHalfOpen = isOpen(circuit) && nowMs >= circuit.openUntilMs && rested(circuit)
    return !isOpen(circuit) || isHalfOpen ? [index] : []
  })
  if (order.length > 0) return order
  let first = -1
  circuits.forEach((circuit, index) => {
    if (rested(circuit) && (first < 0 || circuit.openUntilMs < circuits[first]!.openUntilMs)) first = index
  })
  return first < 0 ? [] : [first]
}
