import {
  type EventMaker,
  type FluxgateEvent,
  type Identity,
  IncidentAcknowledged,
  IncidentClosed,
  incidentFilter,
  type OutgoingEvent,
  parseIdentity,
  STREAMS,
  type Throttle,
} from '@fluxgate/contracts'
import { type EventPublisher, type NatsLink, replay } from '@fluxgate/nats'
import { incidentStatus } from './incident-status.ts'
import { done, forbidden, type OrderOutcome, type OrderRefused, refused } from './outcome.ts'
import { openPenaltyBox, type PenaltyBox } from './penalty-box.nats.ts'
import type { Actor, OrderName } from './permissions.ts'

/** The longest throttle that a person may impose. */
export const MAX_THROTTLE_SECONDS = 31 * 86_400
const MAX_THROTTLE_REASON = 256
const TIMEOUT_MS = 5_000

export interface OrderOptions {
  readonly link: NatsLink
  readonly publisher: EventPublisher
  readonly make: EventMaker
  readonly nowMs: () => number
  /** How long an order waits for the log; 5 s unless given. */
  readonly timeoutMs?: number
}

export interface ThrottleOrder {
  /** `<user>.<key>` */
  readonly identity: string
  /** Tokens, and tokens per second. */
  readonly capacity: number
  readonly refillRate: number
  readonly seconds: number
  readonly reason: string
  /** End the streams that run now, too. */
  readonly endStreams?: boolean
}

export interface ThrottledIdentity {
  readonly identity: string
  readonly throttle: Throttle
}

export interface ImposedThrottle extends ThrottledIdentity {
  /** The throttle that was in force before. */
  readonly replaced: Throttle | undefined
}

export interface OrderedIncident {
  readonly incident: string
  readonly identity: string
  /** All events of the incident; the last is that of the order, unless it was a dry run. */
  readonly events: readonly FluxgateEvent[]
}

/** Makes all checks of an order and changes nothing. */
export interface DryRun {
  readonly dryRun?: boolean
}

/** What operators order about identities and incidents; each order is an event that names its actor. */
export interface Orders {
  /** Ends a throttle that is in force; the value is what it was. */
  pardon(
    actor: Actor,
    identity: string,
    reason: string,
    options?: DryRun,
  ): Promise<OrderOutcome<ThrottledIdentity>>
  /** Imposes a throttle; one that is in force is replaced. */
  throttle(actor: Actor, order: ThrottleOrder, options?: DryRun): Promise<OrderOutcome<ImposedThrottle>>
  /** Records who looks after an open incident; the first acknowledgement counts. */
  acknowledge(
    actor: Actor,
    incident: string,
    note: string,
    options?: DryRun,
  ): Promise<OrderOutcome<OrderedIncident>>
  /** Closes an open incident for good. */
  close(
    actor: Actor,
    incident: string,
    reason: string,
    options?: DryRun,
  ): Promise<OrderOutcome<OrderedIncident>>
}

export function openOrders(options: OrderOptions): Orders {
  const { link, publisher, make, nowMs, timeoutMs = TIMEOUT_MS } = options
  const box = openPenaltyBox(link, publisher, make)
  const within = <T>(order: () => Promise<OrderOutcome<T>>) => confirmed(link, timeoutMs, order)
  const about = (id: string, order: IncidentOrder, event: () => OutgoingEvent, dryRun = false) =>
    within(() => orderAboutIncident(options, id, order, event, dryRun))
  return {
    async pardon(actor, text, reason, { dryRun = false } = {}) {
      const identity = parseIdentity(text)
      if (!identity) return forbidden(actor, 'pardon') ?? refused('not_found', notAnIdentity(text))
      const error = forbidden(actor, 'pardon') ?? blank(reason) ?? tooLong(reason, MAX_THROTTLE_REASON)
      return error ?? within(() => pardon(box, identity, actor, reason, nowMs(), dryRun))
    },

    async throttle(actor, order, { dryRun = false } = {}) {
      const identity = parseIdentity(order.identity)
      if (!identity) return forbidden(actor, 'throttle') ?? refused('invalid', notAnIdentity(order.identity))
      const error =
        forbidden(actor, 'throttle') ??
        blank(order.reason) ??
        tooLong(order.reason, MAX_THROTTLE_REASON) ??
        badLimit(order)
      if (error) return error
      const throttle = throttleOf(order, actor, nowMs())
      return within(async () => {
        const before = (await box.get(identity))?.value
        const replaced = before && before.until > throttle.imposedAt ? before : undefined
        if (!dryRun) await box.impose(identity, throttle)
        return done({ identity: order.identity, throttle, replaced })
      })
    },

    async acknowledge(actor, incident, note, { dryRun } = {}) {
      const event = () => make(IncidentAcknowledged, { incident, actor: actor.name, note })
      const error = forbidden(actor, 'acknowledge_incident') ?? blank(note)
      return error ?? about(incident, 'acknowledge_incident', event, dryRun)
    },

    async close(actor, incident, reason, { dryRun } = {}) {
      const event = () => make(IncidentClosed, { incident, actor: actor.name, reason })
      const error = forbidden(actor, 'close_incident') ?? blank(reason)
      return error ?? about(incident, 'close_incident', event, dryRun)
    },
  }
}

async function pardon(
  box: PenaltyBox,
  identity: Identity,
  actor: Actor,
  reason: string,
  nowMs: number,
  dryRun: boolean,
): Promise<OrderOutcome<ThrottledIdentity>> {
  const text = `${identity.user}.${identity.key}`
  const throttle = (await box.get(identity))?.value
  const isInForce = throttle !== undefined && throttle.until > nowMs
  if (!isInForce || !(dryRun || (await box.pardon(identity, actor.name, reason, nowMs)))) {
    return refused('conflict', `${text} is not throttled, so there is nothing to pardon.`)
  }
  return done({ identity: text, throttle })
}

type IncidentOrder = Extract<OrderName, 'acknowledge_incident' | 'close_incident'>

/** The incident's own events decide, and not the read model, which may be behind or unavailable. */
async function orderAboutIncident(
  { link, publisher }: OrderOptions,
  id: string,
  order: IncidentOrder,
  make: () => OutgoingEvent,
  dryRun: boolean,
): Promise<OrderOutcome<OrderedIncident>> {
  const events: FluxgateEvent[] = []
  const filter = incidentFilter({ incident: id })
  for await (const batch of replay(link, { stream: STREAMS.incidents, filter, from: 'first' })) {
    events.push(...batch.events.map(({ event }) => event))
  }
  const status = incidentStatus(events)
  switch (status.state) {
    case 'unknown':
      return refused('not_found', `There is no incident ${id}.`)
    case 'joined':
      return refused('conflict', `${id} has become part of ${status.into}: give the order about that one.`)
    case 'closed':
      return refused('conflict', `${id} was closed by ${status.by} at ${status.at}. Nothing was changed.`)
  }
  if (order === 'acknowledge_incident' && status.acknowledgedBy !== undefined) {
    return refused(
      'conflict',
      `${id} is acknowledged already, by ${status.acknowledgedBy}. Nothing was changed.`,
    )
  }
  const { identity } = status
  if (dryRun) return done({ incident: id, identity, events })
  const outgoing = make()
  await publisher.publish(outgoing)
  return done({ incident: id, identity, events: [...events, outgoing.event as FluxgateEvent] })
}

function throttleOf(order: ThrottleOrder, actor: Actor, imposedAt: number): Throttle {
  const { capacity, refillRate, seconds, reason, endStreams } = order
  const until = imposedAt + seconds * 1_000
  const throttle = { capacity, refillRate, imposedAt, until, reason, rule: 'manual', actor: actor.name }
  return endStreams === undefined ? throttle : { ...throttle, endStreams }
}

function notAnIdentity(text: string): string {
  return `${JSON.stringify(text.slice(0, 200))} is not an identity: <user>.<key>.`
}

function blank(text: string): OrderRefused | undefined {
  return text.trim() === '' ? refused('invalid', 'An order needs a reason or a note.') : undefined
}

function tooLong(text: string, max: number): OrderRefused | undefined {
  return text.length > max ? refused('invalid', `A reason has at most ${max} characters.`) : undefined
}

function badLimit({ capacity, refillRate, seconds }: ThrottleOrder): OrderRefused | undefined {
  if (!(seconds >= 1 && seconds <= MAX_THROTTLE_SECONDS)) {
    return refused('invalid', `A throttle lasts from 1 second to ${MAX_THROTTLE_SECONDS / 86_400} days.`)
  }
  const isLimit = [capacity, refillRate].every(value => Number.isFinite(value) && value >= 0)
  return isLimit ? undefined : refused('invalid', 'capacity and refillRate must be numbers from 0 on.')
}

const NOT_CONNECTED = 'The event log (NATS) is unavailable. Nothing was changed; try again in a moment.'
const UNCONFIRMED =
  'The event log (NATS) has not confirmed the order in time. It may still take effect: check before you repeat it.'

/** An order waits for the log, but not for ever: the publisher keeps trying after the caller has its answer. */
export async function confirmed<T>(
  link: NatsLink,
  timeoutMs: number,
  order: () => Promise<OrderOutcome<T>>,
): Promise<OrderOutcome<T>> {
  if (!link.isConnected()) return refused('unavailable', NOT_CONNECTED)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<OrderRefused>(resolve => {
    timer = setTimeout(() => resolve(refused('unavailable', UNCONFIRMED)), timeoutMs)
  })
  const ordered = order().catch((error: unknown) => {
    link.log.warn({ err: error }, 'the event log did not take an order')
    return refused('unavailable', UNCONFIRMED)
  })
  try {
    return await Promise.race([ordered, late])
  } finally {
    clearTimeout(timer)
  }
}
