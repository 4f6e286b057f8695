import { BUCKETS, GUARD_LEASE, readGuardProgress, readLease, STREAMS } from '@fluxgate/contracts'
import { lastMessage, type NatsLink } from '@fluxgate/nats'
import type { GuardLease } from './backends.ts'

/** Who leads the guard, and how far it has decided; undefined when none has ever led. */
export async function readGuardLease(link: NatsLink): Promise<GuardLease | undefined> {
  const found = await lastMessage(link, `KV_${BUCKETS.leases}`, `$KV.${BUCKETS.leases}.${GUARD_LEASE}`)
  if (!found) return undefined
  const { holder, term, state } = readLease(found.data)
  const progress = readGuardProgress(state) ?? {}
  const positions = new Map(Object.entries(progress).map(([stream, { sequence }]) => [stream, sequence]))
  const sequence = progress[STREAMS.tokens]?.sequence ?? null
  return { holder, term, renewedAt: found.time.getTime(), sequence, positions }
}
