import {
  BUCKETS,
  type EventMaker,
  GatewayNode,
  GuardPolicy,
  IncidentAcknowledged,
  IncidentClosed,
  jsonParser,
  type OutgoingEvent,
} from '@fluxgate/contracts'
import { Bucket, type EventPublisher, type NatsLink, type PenaltyBox } from '@fluxgate/nats'
import type { Control } from '../core/desk.ts'
import { readGuardLease } from './guard-lease.ts'
import { type AwayWords, reached } from './reached.ts'

const ORDERING: AwayWords = {
  away: 'The event log (NATS) is unavailable. Nothing was changed; try again in a moment.',
  failed:
    'The event log (NATS) did not confirm the order. Look with list_throttles or get_incident before you repeat it.',
}

export interface ControlParts {
  readonly link: NatsLink
  readonly box: PenaltyBox
  readonly publisher: EventPublisher
  readonly make: EventMaker
  readonly nowMs: () => number
}

export function openControl({ link, box, publisher, make, nowMs }: ControlParts): Control {
  const guardPolicy = new Bucket(link, BUCKETS.policy, jsonParser(GuardPolicy))
  const nodes = new Bucket(link, BUCKETS.nodes, jsonParser(GatewayNode))
  const told = async (fact: OutgoingEvent) => void (await publisher.publish(fact))
  return {
    throttles: signal =>
      reached(link, async () =>
        (await present(box.bucket, signal)).map(({ key, value, revision }) => ({
          identity: key,
          throttle: value,
          revision,
        })),
      ),
    throttleOf: identity => reached(link, async () => (await box.get(identity))?.value),
    guardPolicy: () => reached(link, () => guardPolicy.get('guard')),
    nodes: signal => reached(link, async () => (await present(nodes, signal)).map(({ value }) => value)),
    guardLease: () => reached(link, () => readGuardLease(link)),
    pardon: (identity, actor, reason) =>
      reached(link, () => box.pardon(identity, actor, reason, nowMs()), ORDERING),
    impose: (identity, throttle) => reached(link, () => box.impose(identity, throttle), ORDERING),
    acknowledge: (incident, actor, note) =>
      reached(link, () => told(make(IncidentAcknowledged, { incident, actor, note })), ORDERING),
    close: (incident, actor, reason) =>
      reached(link, () => told(make(IncidentClosed, { incident, actor, reason })), ORDERING),
  }
}

async function present<T>(bucket: Bucket<T>, signal: AbortSignal) {
  const { changes } = await bucket.snapshot(signal)
  // A snapshot that was broken off is not the whole.
  signal.throwIfAborted()
  return changes.flatMap(({ key, value, revision }) =>
    value === undefined ? [] : [{ key, value, revision }],
  )
}
