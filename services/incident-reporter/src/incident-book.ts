import { type FluxgateEvent, identityText, type LogPosition } from '@fluxgate/contracts'
import type { Incident } from './evidence.ts'

/** An incident as the log has told it so far. */
export interface PastIncident {
  readonly reference: LogPosition
  readonly incident: string
  readonly openedAt: string
  /** `<user>.<key>` */
  readonly identity: string
  readonly rule: string
  readonly severity: Incident['severity']
  readonly verdict: string | undefined
  readonly closedBecause: string | undefined
  /** Findings of the rule that it holds. */
  readonly findings: number
}

/** A message of the incidents stream; the time is when the stream stored it. */
export interface Entry extends LogPosition {
  readonly storedAtMs: number
  readonly event: FluxgateEvent
}

/** A finding that belongs to an earlier incident, which then holds so many. */
export interface Joined {
  readonly into: string
  readonly findings: number
}

export interface BookLimits {
  /** A finding this long after the one before joins its incident. */
  readonly groupWindowMs: number
  /** Incidents remembered; older ones are forgotten. */
  readonly maxIncidents: number
}

type Retained = { -readonly [Field in keyof PastIncident]: PastIncident[Field] } & {
  joined: Joined | undefined
}

interface Leader {
  readonly incident: string
  lastMs: number
}

const MAX_SAME_IDENTITY = 5
const MAX_SAME_RULE = 3

/**
 * What the log tells of earlier incidents: a fold of the incidents stream. Which finding joins which incident follows
 * from the order and the times of the log alone, so that every reporter and every restart sees the same groups.
 */
export class IncidentBook {
  readonly #limits: BookLimits
  readonly #incidents = new Map<string, Retained>()
  /** Identity and rule → the incident that findings join. */
  readonly #leaders = new Map<string, Leader>()
  /** Sequence of the last message that was read. */
  position = 0

  constructor(limits: BookLimits) {
    this.#limits = limits
  }

  apply(entry: Entry): void {
    const { event } = entry
    switch (event.type) {
      case 'fluxgate.incidents.opened':
        if (!this.#incidents.has(event.data.incident)) this.#open(entry, event.data, event.time)
        break
      case 'fluxgate.incidents.reported': {
        const retained = this.#incidents.get(event.data.incident)
        if (retained && event.data.source === 'model') retained.verdict = event.data.report.verdict
        break
      }
      case 'fluxgate.incidents.closed': {
        const retained = this.#incidents.get(event.data.incident)
        if (!retained) break
        retained.closedBecause = event.data.reason
        // What comes after the end of an incident is another one.
        const text = groupText(retained.identity, retained.rule)
        if (this.#leaders.get(text)?.incident === retained.incident) this.#leaders.delete(text)
        break
      }
    }
  }

  joined(incident: string): Joined | undefined {
    return this.#incidents.get(incident)?.joined
  }

  /** Incidents before this one of the same identity, then of the same rule; the latest first. */
  similar(incident: Incident): PastIncident[] {
    const identity = identityText(incident)
    const own: PastIncident[] = []
    const others: PastIncident[] = []
    const all = [...this.#incidents.values()]
    const self = all.findIndex(each => each.incident === incident.incident)
    for (const each of all.slice(0, self === -1 ? all.length : self).reverse()) {
      if (each.joined) continue
      if (each.identity === identity) {
        if (own.length < MAX_SAME_IDENTITY) own.push(each)
      } else if (each.rule === incident.rule && others.length < MAX_SAME_RULE) others.push(each)
    }
    return [...own, ...others]
  }

  #open({ stream, sequence, storedAtMs }: Entry, incident: Incident, openedAt: string): void {
    const identity = identityText(incident)
    const { rule, severity } = incident
    this.#incidents.set(incident.incident, {
      reference: { stream, sequence },
      incident: incident.incident,
      openedAt,
      identity,
      rule,
      severity,
      verdict: undefined,
      closedBecause: undefined,
      findings: 1,
      joined: this.#join(groupText(identity, rule), incident.incident, storedAtMs),
    })
    if (this.#incidents.size > this.#limits.maxIncidents) this.#forgetOldest()
  }

  #join(text: string, incident: string, atMs: number): Joined | undefined {
    const leader = this.#leaders.get(text)
    const retained = leader && this.#incidents.get(leader.incident)
    if (leader && retained && atMs - leader.lastMs <= this.#limits.groupWindowMs) {
      leader.lastMs = atMs
      return { into: leader.incident, findings: ++retained.findings }
    }
    this.#leaders.set(text, { incident, lastMs: atMs })
    return undefined
  }

  #forgetOldest(): void {
    const [incident, retained] = this.#incidents.entries().next().value!
    this.#incidents.delete(incident)
    const text = groupText(retained.identity, retained.rule)
    if (this.#leaders.get(text)?.incident === incident) this.#leaders.delete(text)
  }
}

function groupText(identity: string, rule: string): string {
  return `${identity} ${rule}`
}
