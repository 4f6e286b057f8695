import { Circuit, type CircuitState, type FailureKind } from './circuit.ts'
import type { CircuitPolicy } from './routing-policy.ts'

/** Callers whose own circuit is remembered, and who are counted in a window: more would not change a decision. */
const MAX_CALLERS = 1_000

/** What a call has taken of a model's circuits: whether its end decides one of them. */
export interface ModelTicket {
  readonly isSharedProbe: boolean
  readonly isOwnProbe: boolean
}

export const NO_TICKET: ModelTicket = Object.freeze({ isSharedProbe: false, isOwnProbe: false })

/**
 * The circuits of one model at one upstream. A caller can provoke errors, timeouts and breaks by what they send; so each
 * caller has a circuit of their own, and in the one that is shared by all a caller's failures count once until another
 * call succeeds (in a row), and once in half a window (as a share). It opens when several callers fail, not when one
 * fails often.
 */
export class ModelCircuit {
  readonly #policy: CircuitPolicy
  readonly #shared: Circuit
  readonly #own = new Map<string, Circuit>()
  readonly #failedInARow = new Set<string>()
  readonly #failedInWindow = new Set<string>()
  #windowMs = Number.NEGATIVE_INFINITY

  constructor(policy: CircuitPolicy) {
    this.#policy = policy
    this.#shared = new Circuit(policy)
  }

  /** Of the shared circuit. */
  state(nowMs: number): CircuitState {
    return this.#shared.state(nowMs)
  }

  allows(caller: string, nowMs: number): boolean {
    return this.#shared.allows(nowMs) && this.#own.get(caller)?.allows(nowMs) !== false
  }

  opensInMs(caller: string, nowMs: number): number {
    return Math.max(this.#shared.opensInMs(nowMs), this.#own.get(caller)?.opensInMs(nowMs) ?? 0)
  }

  started(caller: string): ModelTicket {
    const isSharedProbe = this.#shared.started()
    const isOwnProbe = this.#own.get(caller)?.started() ?? false
    return isSharedProbe || isOwnProbe ? { isSharedProbe, isOwnProbe } : NO_TICKET
  }

  succeeded(caller: string, ticket: ModelTicket, nowMs: number): void {
    this.#failedInARow.clear()
    this.#shared.succeeded(ticket.isSharedProbe, nowMs)
    this.#own.get(caller)?.succeeded(ticket.isOwnProbe, nowMs)
  }

  failed(caller: string, kind: FailureKind, ticket: ModelTicket, nowMs: number, random: () => number): void {
    this.#ownOf(caller).failed(kind, ticket.isOwnProbe, nowMs, random)
    if (nowMs - this.#windowMs >= this.#policy.windowMs / 2) {
      this.#windowMs = nowMs
      this.#failedInWindow.clear()
    }
    const inARow = kind === 'away' && isNew(this.#failedInARow, caller)
    const inShare = isNew(this.#failedInWindow, caller)
    if (!inARow && !inShare && !ticket.isSharedProbe) return
    this.#shared.failed(inARow ? 'away' : 'error', ticket.isSharedProbe, nowMs, random, inShare)
  }

  abandoned(caller: string, ticket: ModelTicket): void {
    this.#shared.abandoned(ticket.isSharedProbe)
    this.#own.get(caller)?.abandoned(ticket.isOwnProbe)
  }

  #ownOf(caller: string): Circuit {
    const known = this.#own.get(caller)
    if (known) return known
    if (this.#own.size >= MAX_CALLERS) this.#own.delete(this.#own.keys().next().value!)
    const circuit = new Circuit(this.#policy)
    this.#own.set(caller, circuit)
    return circuit
  }
}

/** Adds a caller. @returns whether they are counted for the first time */
function isNew(callers: Set<string>, caller: string): boolean {
  if (callers.has(caller) || callers.size >= MAX_CALLERS) return false
  callers.add(caller)
  return true
}
