import type { EventNamed, FluxgateEvent } from '@fluxgate/contracts'
import type { IncidentState, IncidentView } from './answers.ts'

export type IncidentEvent = Extract<FluxgateEvent, { type: `fluxgate.incidents.${string}` }>

const RANK: Readonly<Record<IncidentState, number>> = { opened: 0, reported: 1, acknowledged: 2, closed: 3 }

export function isIncidentEvent(event: FluxgateEvent): event is IncidentEvent {
  return event.type.startsWith('fluxgate.incidents.')
}

/**
 * One fact upon an incident. A fact that the incident holds already changes nothing, so facts may be put upon a row of
 * the read model that has seen some of them. Facts about an incident that is not known yet are of no use.
 */
export function evolveIncident(
  known: IncidentView | undefined,
  event: IncidentEvent,
): IncidentView | undefined {
  const at = Date.parse(event.time)
  if (event.type === 'fluxgate.incidents.opened') return known ?? openedIncident(event)
  if (!known) return undefined
  switch (event.type) {
    case 'fluxgate.incidents.reported': {
      const { report, source, model } = event.data
      // The model's report supersedes the one from the facts, never the other way round.
      if (known.reportSource === 'model' && source === 'facts') return known
      const reported = { report, reportSource: source, reportModel: model ?? null, reportedAt: at }
      return { ...known, ...reported, state: later(known.state, 'reported') }
    }
    case 'fluxgate.incidents.joined': {
      const { into, findings } = event.data
      if (known.id === into) return { ...known, findings: Math.max(known.findings, findings) }
      return { ...known, joinedInto: known.joinedInto ?? into }
    }
    case 'fluxgate.incidents.acknowledged': {
      if (known.acknowledgedAt !== null) return known
      const { actor, note } = event.data
      const acknowledged = { acknowledgedAt: at, acknowledgedBy: actor, note }
      return { ...known, ...acknowledged, state: later(known.state, 'acknowledged') }
    }
    case 'fluxgate.incidents.closed': {
      if (known.closedAt !== null) return known
      const { actor, reason } = event.data
      return { ...known, closedAt: at, closedBy: actor, closeReason: reason, state: 'closed' }
    }
  }
}

/** Facts of one incident that are held; an attack with many addresses joins it again and again. */
const MAX_FACTS = 50

/**
 * The incident facts of the last minutes, put upon what the read model answers: a page that was told of a fact must
 * not be shown the state before it because the projection is a moment behind.
 */
export class RecentIncidents {
  readonly #facts = new Map<string, IncidentEvent[]>()
  readonly #maxIncidents: number

  constructor(maxIncidents: number) {
    this.#maxIncidents = maxIncidents
  }

  fold(event: FluxgateEvent): void {
    if (!isIncidentEvent(event)) return
    this.#keep(event.data.incident, event)
    if (event.type === 'fluxgate.incidents.joined') this.#keep(event.data.into, event)
  }

  #keep(id: string, event: IncidentEvent): void {
    const facts = this.#facts.get(id) ?? []
    if (facts.some(fact => fact.id === event.id)) return
    // The one that was told of last is forgotten last.
    this.#facts.delete(id)
    this.#facts.set(id, [...boundedFacts(facts), event])
    if (this.#facts.size > this.#maxIncidents) {
      const oldest = this.#facts.keys().next()
      if (!oldest.done) this.#facts.delete(oldest.value)
    }
  }

  /** How many facts of an incident are held. */
  factsOf(id: string): number {
    return this.#facts.get(id)?.length ?? 0
  }

  /** The incident as it stands, from its row (undefined when the read model has none yet). */
  upon(id: string, row: IncidentView | undefined): IncidentView | undefined {
    return (this.#facts.get(id) ?? []).reduce(evolveIncident, row)
  }

  /** Newest first: the rows as they env now, and with them the incidents that the read model does not know yet. */
  uponAll(rows: readonly IncidentView[]): IncidentView[] {
    const byId = new Map(rows.map(row => [row.id, row]))
    for (const id of new Set([...byId.keys(), ...this.#facts.keys()])) {
      const incident = this.upon(id, byId.get(id))
      if (incident) byId.set(id, incident)
    }
    return [...byId.values()].sort((a, b) => b.openedAt - a.openedAt || (a.id < b.id ? 1 : -1))
  }
}

/** Without the oldest of those that came again and again, which the read model has by then. */
function boundedFacts(facts: readonly IncidentEvent[]): readonly IncidentEvent[] {
  if (facts.length < MAX_FACTS) return facts
  const joined = facts.findIndex(fact => fact.type === 'fluxgate.incidents.joined')
  const oldest = joined === -1 ? 1 : joined
  return facts.filter((_, i) => i !== oldest)
}

function later(a: IncidentState, b: IncidentState): IncidentState {
  return RANK[a] >= RANK[b] ? a : b
}

function openedIncident(event: EventNamed<'incidents.opened'>): IncidentView {
  const { incident, user, key, rule, severity, explanation, numbers, evidence, action, until } = event.data
  return {
    id: incident,
    userId: user,
    keyId: key,
    rule,
    severity,
    state: 'opened',
    explanation,
    numbers,
    evidence,
    action,
    until: until ?? null,
    openedAt: Date.parse(event.time),
    report: null,
    reportSource: null,
    reportModel: null,
    reportedAt: null,
    acknowledgedAt: null,
    acknowledgedBy: null,
    note: null,
    closedAt: null,
    closedBy: null,
    closeReason: null,
    joinedInto: null,
    findings: 1,
  }
}
