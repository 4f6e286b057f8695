import { createHash } from 'node:crypto'
import {
  BoundedMap,
  type EventMaker,
  IncidentJoined,
  IncidentOpened,
  identitySubject,
  identityText,
  incidentSubject,
  jsonParser,
  type OutgoingEvent,
  parseEvent,
  parseIdentity,
  STREAMS,
  Throttle,
  ThrottleExpired,
  ThrottleImposed,
  ThrottleShadowed,
} from '@fluxgate/contracts'
import type { Decision } from '@fluxgate/guard-core'
import {
  appendEvent,
  type Bucket,
  BucketFull,
  lastMessage,
  type NatsLink,
  RevisionConflict,
} from '@fluxgate/nats'
import { type Effects, type Enforced, type Imposed, throttleNote } from './apply-decision.ts'
import { ThrottleRoom } from './throttle-room.nats.ts'

const APPEND_TIMEOUT_MS = 2_000
const MAX_EXPLANATION_CHARS = 4_000
/** Keys whose expiry by us is remembered, so that it is not taken for a pardon. */
const MAX_EXPIRED = 10_000
const EXPIRED_ID_DIGITS = 32
/** Times that room is made for one throttle. */
const MAX_FULL_TIMES = 2

/** This process leads no more: whatever it was about to do is the next leader's. */
export class LeadershipLost extends Error {
  readonly code = 'FLUXGATE_LEADERSHIP_LOST'
  constructor() {
    super('this guard leads no more')
    this.name = 'LeadershipLost'
  }
}

export interface EffectHooks {
  readonly nowMs: () => number
  /** Asked right before each write. */
  leads(): boolean
  /** Called when the bucket has acknowledged a throttle. */
  onImposed(throttle: Throttle): void
  /** Automatic throttles were ended early, because their bucket was full. */
  onDropped(count: number): void
  /** Part of the bucket that is used. */
  onUsed(part: number): void
}

const parseThrottle = jsonParser(Throttle)

/**
 * The guard's effects on the log and on the bucket `throttles`. A throttle goes over the key's last revision alone, so
 * that a leader that stood still, was replaced and wakes cannot put back what was pardoned meanwhile.
 */
export class NatsEffects implements Effects, AsyncDisposable {
  /** Key → revision of the marker that our expiry left. */
  readonly #expired = new BoundedMap<string, number>(MAX_EXPIRED)
  readonly #link: NatsLink
  readonly #bucket: Bucket<Throttle>
  readonly #make: EventMaker
  readonly #hooks: EffectHooks
  readonly #room: ThrottleRoom

  constructor(link: NatsLink, bucket: Bucket<Throttle>, make: EventMaker, hooks: EffectHooks) {
    this.#link = link
    this.#bucket = bucket
    this.#make = make
    this.#hooks = hooks
    const { nowMs, leads, onDropped, onUsed } = hooks
    this.#room = new ThrottleRoom(link, bucket, {
      nowMs,
      leads,
      onDropped,
      onUsed,
      publishDropped: (key, throttle, revision) =>
        this.#appendExpired(key, { ...throttle, until: nowMs() }, revision),
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#room[Symbol.asyncDispose]()
  }

  async isOpened(incident: string): Promise<boolean> {
    const subject = incidentSubject(IncidentOpened, incident)
    return (await lastMessage(this.#link, STREAMS.incidents, subject)) !== undefined
  }

  async impose({ identity, throttle }: Enforced): Promise<Imposed> {
    if (throttle.until <= this.#hooks.nowMs()) return 'late'
    const key = identityText(identity)
    await this.#room.beforeImpose()
    let fullTimes = 0
    for (let revision = this.#expired.get(key) ?? 0; ; ) {
      this.#mustLead()
      try {
        await this.#bucket.update(key, throttle, revision)
        this.#hooks.onImposed(throttle)
        this.#expired.delete(key)
        return 'imposed'
      } catch (error) {
        if (error instanceof BucketFull) {
          if (++fullTimes > MAX_FULL_TIMES) return 'full'
          await this.#room.make()
          continue
        }
        if (!(error instanceof RevisionConflict)) throw error
      }
      const after = await this.#afterConflict(key, throttle)
      if (typeof after === 'string') return after
      revision = after
    }
  }

  /** What became of a throttle whose key has changed, or the revision that it may replace. */
  async #afterConflict(key: string, throttle: Throttle): Promise<Imposed | number> {
    const last = await this.#lastOf(key)
    const standing = last && last.header.get('KV-Operation') === '' ? parseThrottle(last.data) : undefined
    if (standing?.ok) {
      const { incident, imposedAt, until } = standing.value
      if (incident === throttle.incident && imposedAt === throttle.imposedAt) return 'imposed'
      if (until > throttle.imposedAt) return 'outranked'
      await this.#appendExpired(key, standing.value, last!.seq)
    } else if (last && last.time.getTime() >= throttle.imposedAt && last.seq !== this.#expired.get(key)) {
      return 'lifted'
    }
    return last?.seq ?? 0
  }

  async publishImposed({ id: decision, identity, throttle }: Enforced): Promise<void> {
    this.#mustLead()
    const id = `imposed-${decision}`
    if ((await this.#lastEventId(ThrottleImposed, identity)) === id) return
    const { imposedAt, ...entry } = throttle
    await this.#append(this.#make(ThrottleImposed, { ...identity, ...entry }, { id, timeMs: imposedAt }))
  }

  async publishOpened(decision: Decision, imposed: Imposed): Promise<void> {
    this.#mustLead()
    // The subject holds this incident alone, so "after nothing" makes it the only one, for good.
    await this.#append(openedEvent(this.#make, decision, imposed), 0)
  }

  async publishJoined({ id, identity, rule, incident: into, findings }: Decision): Promise<void> {
    this.#mustLead()
    await this.#append(this.#make(IncidentJoined, { incident: id, ...identity, rule, into, findings }), 0)
  }

  async publishShadowed(decision: Decision): Promise<void> {
    this.#mustLead()
    await this.#append(shadowedEvent(this.#make, decision))
  }

  async publishExpired(key: string, throttle: Throttle, revision: number): Promise<boolean> {
    this.#mustLead()
    if ((await this.#lastOf(key))?.seq !== revision) return false
    await this.#appendExpired(key, throttle, revision)
    return true
  }

  async removeExpired(key: string, revision: number): Promise<void> {
    this.#mustLead()
    try {
      this.#expired.set(key, await this.#bucket.delete(key, revision))
    } catch (error) {
      // A new throttle came in between: it stays.
      if (!(error instanceof RevisionConflict)) throw error
    }
  }

  async #appendExpired(key: string, { until, incident }: Throttle, revision: number): Promise<void> {
    const identity = parseIdentity(key)
    if (!identity) return
    this.#mustLead()
    const id = expiredId(key, revision)
    if ((await this.#lastEventId(ThrottleExpired, identity)) === id) return
    const entry = { ...identity, until, ...(incident === undefined ? undefined : { incident }) }
    await this.#append(this.#make(ThrottleExpired, entry, { id, timeMs: until }))
  }

  /** The stream forgets ids after half a minute; the last event of the subject is remembered for longer. */
  async #lastEventId(
    definition: typeof ThrottleImposed | typeof ThrottleExpired,
    identity: Decision['identity'],
  ): Promise<string | undefined> {
    const last = await lastMessage(this.#link, STREAMS.throttles, identitySubject(definition, identity))
    const parsed = last && parseEvent(last.data)
    return parsed?.ok ? parsed.value.id : undefined
  }

  #lastOf(key: string) {
    return lastMessage(this.#link, this.#bucket.stream, `$KV.${this.#bucket.name}.${key}`)
  }

  async #append(event: OutgoingEvent, after?: number): Promise<void> {
    const options = { timeoutMs: APPEND_TIMEOUT_MS, ...(after === undefined ? undefined : { after }) }
    await appendEvent(this.#link, event, options)
  }

  #mustLead(): void {
    if (!this.#hooks.leads()) throw new LeadershipLost()
  }
}

function openedEvent(make: EventMaker, decision: Decision, imposed: Imposed) {
  const { incident, identity, rule, severity, numbers, evidence, atMs, untilMs } = decision
  const throttled = imposed === 'imposed'
  return make(
    IncidentOpened,
    {
      incident,
      ...identity,
      rule,
      severity,
      explanation: (decision.explanation + throttleNote(imposed)).slice(0, MAX_EXPLANATION_CHARS),
      numbers: { ...numbers },
      evidence: [...evidence],
      action: throttled ? 'throttled' : 'observed',
      ...(throttled ? { until: untilMs } : undefined),
    },
    { id: `opened-${incident}`, timeMs: atMs },
  )
}

/** Told again after a crash under the same id: whoever reads it knows it by that. */
function shadowedEvent(make: EventMaker, decision: Decision) {
  const { incident, identity, rule, severity, explanation, numbers, evidence, atMs, untilMs } = decision
  const { action, throttle } = decision
  const limits = throttle && { capacity: throttle.capacity, refillRate: throttle.refillRate }
  return make(
    ThrottleShadowed,
    {
      ...identity,
      incident,
      rule,
      severity,
      explanation,
      numbers: { ...numbers },
      evidence: [...evidence],
      action,
      ...limits,
      until: untilMs,
    },
    { id: `shadowed-${incident}`, timeMs: atMs },
  )
}

function expiredId(key: string, revision: number): string {
  const hash = createHash('sha256').update(`${key}\n${revision}`).digest('hex')
  return `expired-${hash.slice(0, EXPIRED_ID_DIGITS)}`
}
