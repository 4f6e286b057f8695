import type { Throttle } from '@fluxgate/contracts'
import type { Decision } from '@fluxgate/guard-core'

/**
 * What became of a throttle: in force; or not put, because another's is in force, because it was lifted after the
 * event that asks for it, or because its time is over.
 */
export type Imposed = 'imposed' | 'outranked' | 'lifted' | 'late'

/** What the guard can do to the world. Every method is idempotent, and throws when this process leads no more. */
export interface Effects {
  /** Has this incident been opened before? Its `opened` event is the last effect, so then all are done. */
  isOpened(incident: string): Promise<boolean>
  impose(decision: Decision): Promise<Imposed>
  tellImposed(decision: Decision): Promise<void>
  tellOpened(decision: Decision, imposed: Imposed): Promise<void>
  /** Ends a throttle whose time is over. */
  expire(key: string, throttle: Throttle, revision: number): Promise<void>
}

/**
 * Carries a decision out, in the order that a crash may cut anywhere: the throttle first, because gateways act on it;
 * `opened` last, because it marks the decision as done.
 * @param again true when it may have been carried out before: after a restart or a failure
 */
export async function carryOut(
  effects: Effects,
  decision: Decision,
  again: boolean,
): Promise<Imposed | undefined> {
  if (again && (await effects.isOpened(decision.incident))) return undefined
  const imposed = await effects.impose(decision)
  if (imposed === 'imposed') await effects.tellImposed(decision)
  await effects.tellOpened(decision, imposed)
  return imposed
}

/** Words for an incident whose throttle did not come into force. */
export function remark(imposed: Imposed): string {
  if (imposed === 'outranked') return ' Another throttle was in force already and stays.'
  if (imposed === 'lifted') return ' The throttle was lifted by a person before this was told.'
  return imposed === 'late' ? ' Found after the time of its throttle was over: nothing was imposed.' : ''
}
