import type { Throttle } from '@fluxgate/contracts'
import type { Decision } from '@fluxgate/guard-core'
import type { Verdict } from './folds.ts'

/**
 * What became of a throttle: in force; not wanted, because the policy only observes; or not put, because another's is in
 * force, because it was lifted after the event that asks for it, because its time is over, or because the bucket is full of
 * throttles that count for more.
 */
export type Imposed = 'imposed' | 'observed' | 'outranked' | 'lifted' | 'late' | 'full'

/** A decision whose policy asks for a throttle. */
export type Enforced = Decision & { readonly throttle: Throttle }

/** What the guard can do to the world. Every method is idempotent, and throws when this process leads no more. */
export interface Effects {
  /** Has this incident been opened before? Its `opened` event is the last effect, so then all are done. */
  isOpened(incident: string): Promise<boolean>
  impose(decision: Enforced): Promise<Imposed>
  publishImposed(decision: Enforced): Promise<void>
  publishOpened(decision: Decision, imposed: Imposed): Promise<void>
  /** Says how many findings an incident holds: at 2, 4, 8 and so on. */
  publishJoined(decision: Decision): Promise<void>
  /** Says what the shadow policy would have done. */
  publishShadowed(decision: Decision): Promise<void>
  /** Says that a throttle's time is over; false when it is not the one in the bucket any more. */
  publishExpired(key: string, throttle: Throttle, revision: number): Promise<boolean>
  /** Takes the throttle of that revision out of the bucket, unless another is there by now. */
  removeExpired(key: string, revision: number): Promise<void>
}

/**
 * Carries a decision out, in the order that a crash may cut anywhere: the throttle first, because gateways act on it;
 * `opened` last, because it marks the decision as done.
 * @param again true when it may have been carried out before: after a restart or a failure
 */
export async function applyDecision(
  effects: Effects,
  { decision, isShadow }: Verdict,
  again: boolean,
): Promise<Imposed | 'shadowed' | undefined> {
  if (isShadow) {
    await effects.publishShadowed(decision)
    return 'shadowed'
  }
  const isJoined = decision.findings > 1
  if (again && !isJoined && (await effects.isOpened(decision.incident))) return undefined
  const imposed = isEnforced(decision) ? await effects.impose(decision) : 'observed'
  if (imposed === 'imposed') await effects.publishImposed(decision as Enforced)
  if (!isJoined) await effects.publishOpened(decision, imposed)
  else if (isPowerOfTwo(decision.findings)) await effects.publishJoined(decision)
  return imposed
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count))
}

/** Ends a throttle whose time is over: told first, because after its removal nobody would know that it is to be told. */
export async function expire(
  effects: Effects,
  key: string,
  throttle: Throttle,
  revision: number,
): Promise<void> {
  if (await effects.publishExpired(key, throttle, revision)) await effects.removeExpired(key, revision)
}

/** Words for an incident whose throttle did not come into force. */
export function throttleNote(imposed: Imposed): string {
  if (imposed === 'outranked') return ' Another throttle was in force already and stays.'
  if (imposed === 'lifted') return ' The throttle was lifted by an operator before this event.'
  if (imposed === 'full') return ' The bucket of throttles is full: nothing was imposed.'
  return imposed === 'late' ? ' Found after the time of its throttle was over: nothing was imposed.' : ''
}

function isEnforced(decision: Decision): decision is Enforced {
  return decision.throttle !== undefined
}
