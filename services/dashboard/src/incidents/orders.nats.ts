import {
  type EventMaker,
  IncidentAcknowledged,
  IncidentClosed,
  type OutgoingEvent,
  parseIdentity,
} from '@fluxgate/contracts'
import type { EventPublisher, NatsLink, PenaltyBox } from '@fluxgate/nats'
import { done, type Outcome, refused } from '../http/index.ts'
import type { LiveThrottle } from '../live/index.ts'
import type { IncidentView } from './answers.ts'
import { evolveIncident, isIncidentEvent } from './recent-incidents.ts'

export interface ThrottleOrder {
  readonly identity: string
  /** Tokens, and tokens per second. */
  readonly capacity: number
  readonly refillRate: number
  readonly seconds: number
  readonly reason: string
}

export interface OrderTools {
  readonly link: NatsLink
  readonly publisher: EventPublisher
  readonly make: EventMaker
  readonly penaltyBox: PenaltyBox
  readonly findIncident: (id: string) => Promise<IncidentView | undefined>
  readonly nowMs: () => number
  readonly timeoutMs: number
  readonly maxThrottleMs: number
}

const LOG_AWAY = 'The event log is unavailable. Nothing was changed; try again in a moment.'
const UNCONFIRMED = 'The event log has not confirmed it in time. Look again before you repeat it.'

export type Orders = ReturnType<typeof openOrders>

/** What operators order: commands on the penalty box, and events of incidents. `actor` is who orders it. */
export function openOrders(tools: OrderTools) {
  const { penaltyBox, nowMs } = tools
  return {
    async pardon(text: string, actor: string, reason: string): Promise<Outcome<{ identity: string }>> {
      const identity = parseIdentity(text)
      if (!identity) return refused('not_found', `${text} is not an identity`)
      return inTime(tools, async () => {
        const freed = await penaltyBox.pardon(identity, actor, reason, nowMs())
        return freed ? done({ identity: text }) : refused('conflict', 'This identity is not throttled.')
      })
    },

    async throttle(order: ThrottleOrder, actor: string): Promise<Outcome<LiveThrottle>> {
      const { identity: text, capacity, refillRate, seconds, reason } = order
      const identity = parseIdentity(text)
      if (!identity) return refused('invalid', `${text} is not an identity: <user>.<key>`)
      if (seconds * 1_000 > tools.maxThrottleMs)
        return refused('invalid', `A throttle lasts at most ${tools.maxThrottleMs / 1_000} seconds.`)
      const imposedAt = nowMs()
      const until = imposedAt + seconds * 1_000
      const throttle = { capacity, refillRate, imposedAt, until, reason, rule: 'manual', actor }
      return inTime(tools, async () => {
        await penaltyBox.impose(identity, throttle)
        return done({ identity: text, throttle })
      })
    },

    acknowledge: (id: string, actor: string, note: string) =>
      publishOnce(tools, id, 'acknowledged', () =>
        tools.make(IncidentAcknowledged, { incident: id, actor, note }),
      ),

    close: (id: string, actor: string, reason: string) =>
      publishOnce(tools, id, 'closed', () => tools.make(IncidentClosed, { incident: id, actor, reason })),
  }
}

/** Publishes a fact about an incident that is in a state to have it, and answers with the incident as it is then. */
async function publishOnce(
  tools: OrderTools,
  id: string,
  fact: 'acknowledged' | 'closed',
  make: () => OutgoingEvent,
): Promise<Outcome<IncidentView>> {
  const incident = await tools.findIncident(id)
  if (!incident) return refused('not_found', 'There is no such incident.')
  if (incident.state === 'closed') return refused('conflict', 'This incident is closed.')
  if (incident.state === fact) return refused('conflict', `This incident is ${fact} already.`)
  return inTime(tools, async () => {
    const outgoing = make()
    await tools.publisher.publish(outgoing)
    const { event } = outgoing
    return done((isIncidentEvent(event) && evolveIncident(incident, event)) || incident)
  })
}

/** An order waits for the log, but not for ever: the publisher keeps trying when the caller has gone. */
async function inTime<T>(tools: OrderTools, order: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  if (!tools.link.isConnected()) return refused('unavailable', LOG_AWAY)
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<Outcome<T>>(resolve => {
    timer = setTimeout(() => resolve(refused('unavailable', UNCONFIRMED)), tools.timeoutMs)
  })
  const ordered = order()
  // An error after the timeout has no caller left.
  ordered.catch(() => {})
  try {
    return await Promise.race([ordered, timeout])
  } finally {
    clearTimeout(timer)
  }
}
