import { Circuit, type CircuitState, type FailureKind } from './circuit.ts'
import { ModelCircuit, type ModelTicket, NO_TICKET } from './model-circuit.ts'
import type { CircuitPolicy } from './routing-policy.ts'

/** Models are remembered by the name that callers choose; only those that failed lately. */
const MAX_MODELS = 1_000

/** Who asks for what: circuits are by model and caller. */
export interface Asked {
  readonly model: string
  readonly caller: string
}

/** What one attempt has taken of the circuits. */
export interface Ticket extends Asked {
  /** Whether it is the probe of the circuit for connections. */
  isProbe: boolean
  ofModel: ModelTicket
}

/** One upstream's circuits: for its connections, which no caller can break, and for each model by callers. */
export class Circuits {
  readonly #policy: CircuitPolicy
  readonly #connections: Circuit
  readonly #models = new Map<string, ModelCircuit>()

  constructor(policy: CircuitPolicy) {
    this.#policy = policy
    this.#connections = new Circuit(policy)
  }

  /** Without `asked` only whether it can be reached. */
  allows(nowMs: number, asked?: Asked): boolean {
    if (!this.#connections.allows(nowMs)) return false
    return asked === undefined || this.#models.get(asked.model)?.allows(asked.caller, nowMs) !== false
  }

  opensInMs(nowMs: number, asked?: Asked): number {
    const ofModel = asked && this.#models.get(asked.model)?.opensInMs(asked.caller, nowMs)
    return Math.max(this.#connections.opensInMs(nowMs), ofModel ?? 0)
  }

  /** The worst of the shared ones. */
  state(nowMs: number): CircuitState {
    const states = [this.#connections.state(nowMs)]
    for (const model of this.#models.values()) states.push(model.state(nowMs))
    return states.includes('open') ? 'open' : states.includes('half_open') ? 'half_open' : 'closed'
  }

  started({ model, caller }: Asked): Ticket {
    const isProbe = this.#connections.started()
    return { model, caller, isProbe, ofModel: this.#models.get(model)?.started(caller) ?? NO_TICKET }
  }

  /** It answered as it should. */
  succeeded(ticket: Ticket, nowMs: number): void {
    this.reached(ticket, nowMs)
    this.#models.get(ticket.model)?.succeeded(ticket.caller, ticket.ofModel, nowMs)
    ticket.ofModel = NO_TICKET
  }

  /** It could be connected to, whatever comes next. */
  reached(ticket: Ticket, nowMs: number): void {
    this.#connections.succeeded(ticket.isProbe, nowMs)
    ticket.isProbe = false
  }

  /** It could not be connected to. @param isRepeat the same call failed here before: it counts once */
  unreachable(ticket: Ticket, isRepeat: boolean, nowMs: number, random: () => number): void {
    if (!isRepeat || ticket.isProbe) this.#connections.failed('away', ticket.isProbe, nowMs, random)
    ticket.isProbe = false
    this.abandoned(ticket)
  }

  /** It was reached and failed: by its answer, by breaking off, by its silence. */
  failed(ticket: Ticket, kind: FailureKind, isRepeat: boolean, nowMs: number, random: () => number): void {
    this.reached(ticket, nowMs)
    const { ofModel } = ticket
    const isProbe = ofModel.isOwnProbe || ofModel.isSharedProbe
    if (!isRepeat || isProbe) this.#modelOf(ticket.model).failed(ticket.caller, kind, ofModel, nowMs, random)
    ticket.ofModel = NO_TICKET
  }

  /** The call ended without saying anything of the upstream. */
  abandoned(ticket: Ticket): void {
    this.#connections.abandoned(ticket.isProbe)
    this.#models.get(ticket.model)?.abandoned(ticket.caller, ticket.ofModel)
    ticket.isProbe = false
    ticket.ofModel = NO_TICKET
  }

  #modelOf(model: string): ModelCircuit {
    const known = this.#models.get(model)
    if (known) return known
    if (this.#models.size >= MAX_MODELS) this.#models.delete(this.#models.keys().next().value!)
    const circuit = new ModelCircuit(this.#policy)
    this.#models.set(model, circuit)
    return circuit
  }
}
