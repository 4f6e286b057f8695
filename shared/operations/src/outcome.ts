import { type Actor, mayOrder, type OrderName } from './permissions.ts'

/** Why an order was not carried out. `conflict`: the state does not allow it. `unavailable`: the log did not confirm it. */
export type OrderErrorCode = 'invalid' | 'forbidden' | 'not_found' | 'conflict' | 'unavailable'

export interface OrderRefused {
  readonly ok: false
  /** The message is one sentence or two, for the person who gave the order. */
  readonly error: { readonly code: OrderErrorCode; readonly message: string }
}

export type OrderOutcome<T> = { readonly ok: true; readonly value: T } | OrderRefused

export function done<T>(value: T): OrderOutcome<T> {
  return { ok: true, value }
}

export function refused(code: OrderErrorCode, message: string): OrderRefused {
  return { ok: false, error: { code, message } }
}

/** Undefined when the actor may give the order. */
export function forbidden(actor: Actor, order: OrderName): OrderRefused | undefined {
  if (mayOrder(actor, order)) return undefined
  return refused('forbidden', `${actor.name} may not give the order ${order}. Nothing was changed.`)
}
