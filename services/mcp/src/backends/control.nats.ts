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
import type { Control } from './backends.ts'
import { readGuardLease } from './guard-lease.nats.ts'
import { askNats, type UnavailableTexts as UnavailableText } from './reached.nats.ts'

const ORDER_TEXT: UnavailableText = {
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
  const publish = async (fact: OutgoingEvent) => void (await publisher.publish(fact))
  return {
    throttles: signal =>
      askNats(link, async () =>
        (await present(box.bucket, signal)).map(({ key, value, revision }) => ({
          identity: key,
          throttle: value,
          revision,
        })),
      ),
    throttleOf: identity => askNats(link, async () => (await box.get(identity))?.value),
    guardPolicy: () => askNats(link, () => guardPolicy.get('guard')),
    nodes: signal => askNats(link, async () => (await present(nodes, signal)).map(({ value }) => value)),
    guardLease: () => askNats(link, () => readGuardLease(link)),
    pardon: (identity, actor, reason) =>
      askNats(link, () => box.pardon(identity, actor, reason, nowMs()), ORDER_TEXT),
    impose: (identity, throttle) => askNats(link, () => box.impose(identity, throttle), ORDER_TEXT),
    acknowledge: (incident, actor, note) =>
      askNats(link, () => publish(make(IncidentAcknowledged, { incident, actor, note })), ORDER_TEXT),
    close: (incident, actor, reason) =>
      askNats(link, () => publish(make(IncidentClosed, { incident, actor, reason })), ORDER_TEXT),
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
