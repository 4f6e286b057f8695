import { identityText, type LimitsPolicy, STREAMS, type StoredEvent } from '@fluxgate/contracts'
import { type BucketState, Buckets } from './buckets.ts'
import { Conservation, DEFAULT_CONSERVATION_LIMITS } from './conservation.ts'
import type { Sums } from './sums.ts'

/** A throttle in force. Times are epoch milliseconds. */
export interface ThrottleState {
  readonly identity: string
  readonly capacity: number
  readonly refillRate: number
  readonly imposedAtMs: number
  readonly untilMs: number
  readonly rule: string
  readonly reason: string
  readonly actor: string
  readonly incident: string | undefined
}

export interface IncidentState {
  readonly incident: string
  readonly identity: string
  readonly rule: string
  readonly severity: string
  readonly openedAtMs: number
  state: 'opened' | 'reported' | 'acknowledged'
  /** Findings of the same rule that this incident has grown by, itself among them. */
  findings: number
  readonly explanation: string
}

/** What the system knew at a moment. */
export interface StateAt {
  readonly atMs: number
  readonly totals: Sums
  /** Identities that have ever asked for anything. */
  readonly identities: number
  /** Not full then, or throttled; the emptiest first. */
  readonly buckets: BucketState[]
  readonly throttles: ThrottleState[]
  /** Opened and not closed, the newest first. */
  readonly incidents: IncidentState[]
  /** Stream → the last position that counts. */
  readonly positions: ReadonlyMap<string, number>
}

/** Folds the log from its beginning up to a moment, by the time at which its events were stored. */
export class StateFold {
  readonly #atMs: number
  readonly #buckets: Buckets
  readonly #requests: Conservation
  readonly #throttles = new Map<string, ThrottleState>()
  readonly #incidents = new Map<string, IncidentState>()
  readonly #positions = new Map<string, number>(Object.values(STREAMS).map(stream => [stream, 0]))

  constructor(atMs: number, limits: LimitsPolicy | undefined) {
    this.#atMs = atMs
    this.#buckets = new Buckets(limits)
    this.#requests = new Conservation({ fromMs: Number.NEGATIVE_INFINITY, toMs: atMs }, UNJUDGED)
  }

  /** Events come in the order of time; those after the moment pass. */
  add(entry: StoredEvent): void {
    const { event, storedAtMs: atMs } = entry
    if (atMs > this.#atMs) return
    this.#positions.set(entry.stream, entry.sequence)
    this.#requests.add(entry)
    switch (event.type) {
      case 'fluxgate.requests.admitted': {
        const { tier, request, reserved } = event.data
        this.#buckets.reserve(event.subject, tier, request, reserved, atMs)
        break
      }
      case 'fluxgate.tokens.settled':
        this.#buckets.settle(event.subject, event.data.request, event.data.total, atMs)
        break
      default:
        this.#addThrottle(entry)
        this.#addIncident(entry)
    }
  }

  finish(): StateAt {
    return this.at(this.#atMs)
  }

  /** The state at an earlier moment, when all events up to it have been added and none after it; the fold may go on. */
  at(atMs: number): StateAt {
    const { whole, identities } = this.#requests.soFar()
    const byTime = (a: { atMs: number; name: string }, b: { atMs: number; name: string }) =>
      b.atMs - a.atMs || (a.name < b.name ? -1 : 1)
    return {
      atMs,
      totals: whole,
      identities,
      buckets: this.#buckets.list(atMs),
      throttles: [...this.#throttles.values()]
        .filter(({ untilMs }) => untilMs > atMs)
        .sort((a, b) =>
          byTime({ atMs: a.imposedAtMs, name: a.identity }, { atMs: b.imposedAtMs, name: b.identity }),
        ),
      incidents: [...this.#incidents.values()]
        .map(incident => ({ ...incident }))
        .sort((a, b) =>
          byTime({ atMs: a.openedAtMs, name: a.incident }, { atMs: b.openedAtMs, name: b.incident }),
        ),
      positions: new Map(this.#positions),
    }
  }

  #addThrottle({ event, storedAtMs: atMs }: StoredEvent): void {
    switch (event.type) {
      case 'fluxgate.throttles.imposed': {
        const { user: _user, key: _key, until, endStreams: _endStreams, ...rest } = event.data
        const { incident } = event.data
        this.#buckets.throttle(event.subject, event.data, atMs)
        this.#throttles.set(event.subject, {
          identity: event.subject,
          ...rest,
          incident,
          imposedAtMs: Date.parse(event.time),
          untilMs: until,
        })
        break
      }
      case 'fluxgate.throttles.pardoned':
      case 'fluxgate.throttles.expired':
        this.#buckets.pardon(event.subject)
        this.#throttles.delete(event.subject)
        break
    }
  }

  #addIncident({ event }: StoredEvent): void {
    switch (event.type) {
      case 'fluxgate.incidents.opened': {
        const { incident, user, key, rule, severity, explanation } = event.data
        const opened = { incident, identity: identityText({ user, key }), rule, severity, explanation }
        const openedAtMs = Date.parse(event.time)
        this.#incidents.set(incident, { ...opened, openedAtMs, state: 'opened', findings: 1 })
        break
      }
      case 'fluxgate.incidents.joined': {
        // The finding is part of the other incident from now on, and ends with it.
        this.#incidents.delete(event.data.incident)
        const grown = this.#incidents.get(event.data.into)
        if (grown) grown.findings = Math.max(grown.findings, event.data.findings)
        break
      }
      case 'fluxgate.incidents.reported': {
        const incident = this.#incidents.get(event.data.incident)
        if (incident?.state === 'opened') incident.state = 'reported'
        break
      }
      case 'fluxgate.incidents.acknowledged': {
        const incident = this.#incidents.get(event.data.incident)
        if (incident) incident.state = 'acknowledged'
        break
      }
      case 'fluxgate.incidents.closed':
        this.#incidents.delete(event.data.incident)
        break
    }
  }
}

/** What is lost is not the question here: it counts as in flight. */
const UNJUDGED = Object.freeze({
  ...DEFAULT_CONSERVATION_LIMITS,
  silenceMs: Number.POSITIVE_INFINITY,
  closingMs: Number.POSITIVE_INFINITY,
})
