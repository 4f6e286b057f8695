import {
  type EventMaker,
  type Identity,
  identityText,
  OperatorOrdered,
  type OutgoingEvent,
} from '@fluxgate/contracts'
import type { LimitTable } from './limit-table.ts'

/**
 * An order that fills an identity's buckets again. The event is safe first: what was given back and by which order can
 * be read in the log, whatever becomes of this node.
 * @param publish resolves when the event is safe
 */
export function refillOrders(
  table: LimitTable,
  publish: (event: OutgoingEvent) => Promise<unknown>,
  make: EventMaker,
  actor: string,
  nowMs: () => number,
): (identity: Identity, reason: string) => Promise<number> {
  return async (identity, reason) => {
    await publish(make(OperatorOrdered, { ...identity, actor, order: 'refill_bucket', reason }))
    return table.refill(identityText(identity), nowMs())
  }
}
