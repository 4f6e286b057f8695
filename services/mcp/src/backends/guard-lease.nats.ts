import { STREAMS } from '@fluxgate/contracts'
import { GUARD_LEASE, readPositions } from '@fluxgate/guard-core'
import { lookAtLease, type NatsLink } from '@fluxgate/nats'
import type { GuardLease } from './backends.ts'

/** Who leads the guard, and how far it has decided: the record that the guard itself writes. */
export async function readGuardLease(link: NatsLink): Promise<GuardLease | undefined> {
  const lease = await lookAtLease(link, GUARD_LEASE)
  if (!lease) return undefined
  const { holder, term, renewedAtMs: renewedAt } = lease
  const positions = readPositions(lease.state) ?? {}
  const sequences = Object.entries(positions).map(([stream, { sequence }]) => [stream, sequence] as const)
  const sequence = positions[STREAMS.tokens]?.sequence ?? null
  return { holder, term, renewedAt, sequence, positions: new Map(sequences) }
}
