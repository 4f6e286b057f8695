import {
  BUCKETS,
  GatewayNode,
  GUARD_LEASE,
  identityText,
  jsonParser,
  readGuardProgress,
  readLease,
  STREAMS,
  Throttle,
} from '@fluxgate/contracts'
import { Bucket, lastMessage, type NatsLink } from '@fluxgate/nats'
import type { Policies } from '@fluxgate/operations'
import { askNats } from './ask-nats.nats.ts'
import type { GuardLease, LiveState } from './backends.ts'

export function openLiveState(link: NatsLink, policies: Policies): LiveState {
  const throttles = new Bucket(link, BUCKETS.throttles, jsonParser(Throttle))
  const nodes = new Bucket(link, BUCKETS.nodes, jsonParser(GatewayNode))
  return {
    throttles: signal =>
      askNats(link, async () =>
        (await entries(throttles, signal)).map(({ key, value }) => ({ identity: key, throttle: value })),
      ),
    throttleOf: identity => askNats(link, async () => (await throttles.get(identityText(identity)))?.value),
    guardPolicy: () => askNats(link, () => policies.inForce()),
    nodes: signal => askNats(link, async () => (await entries(nodes, signal)).map(({ value }) => value)),
    guardLease: () => askNats(link, () => readGuardLease(link)),
  }
}

async function entries<T>(bucket: Bucket<T>, signal: AbortSignal) {
  const { changes } = await bucket.snapshot(signal)
  // An aborted snapshot is incomplete.
  signal.throwIfAborted()
  return changes.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]))
}

async function readGuardLease(link: NatsLink): Promise<GuardLease | undefined> {
  const found = await lastMessage(link, `KV_${BUCKETS.leases}`, `$KV.${BUCKETS.leases}.${GUARD_LEASE}`)
  if (!found) return undefined
  const { holder, term, state } = readLease(found.data)
  const progress = readGuardProgress(state) ?? {}
  const positions = new Map(Object.entries(progress).map(([stream, { sequence }]) => [stream, sequence]))
  const sequence = progress[STREAMS.tokens]?.sequence ?? null
  return { holder, term, renewedAt: found.time.getTime(), sequence, positions }
}
