import {
  BUCKETS,
  type EventMaker,
  GuardPolicy,
  jsonParser,
  type OutgoingEvent,
  PolicyChanged,
} from '@fluxgate/contracts'
import { Bucket, type Entry, RevisionConflict } from './bucket.ts'
import type { NatsLink } from './link.ts'
import { type PolicyChange, policyChanges } from './policy-changes.ts'

/** Keys of bucket `policy` that hold a policy of the guard: the one in force, and one that is only watched. */
export const GUARD_POLICY_KEYS = Object.freeze({ live: 'guard', shadow: 'guard-shadow' })
export type GuardPolicyKey = (typeof GUARD_POLICY_KEYS)[keyof typeof GUARD_POLICY_KEYS]

export type PolicyOutcome =
  | { readonly ok: true; readonly changes: readonly PolicyChange[] }
  | { readonly ok: false; readonly reason: string }

/** The guard's policies, each change followed by its fact. Used by the guard and by every face a person acts through. */
export interface PolicyBook {
  get(key: GuardPolicyKey): Promise<Entry<GuardPolicy> | undefined>
  /** Puts what is valid, or takes it away; what is not valid is refused with the reason, and the old one stays. */
  change(key: GuardPolicyKey, policy: unknown, actor: string): Promise<PolicyOutcome>
}

const parse = jsonParser(GuardPolicy)
/** Writers who are there first, at the most. */
const MAX_TRIES = 10

/** @param publish resolves when the event is safe */
export function openPolicyBook(
  link: NatsLink,
  publish: (event: OutgoingEvent) => Promise<unknown>,
  make: EventMaker,
): PolicyBook {
  const bucket = new Bucket(link, BUCKETS.policy, parse)

  /** @returns undefined when another writer was first */
  async function tryToChange(
    key: GuardPolicyKey,
    policy: GuardPolicy | undefined,
    actor: string,
  ): Promise<PolicyOutcome | undefined> {
    const { before, lastRevision } = await bucket.last(key)
    const changes = policyChanges(before, policy)
    if (changes.length === 0) return { ok: true, changes }
    let revision: number
    try {
      revision = policy
        ? await bucket.update(key, policy, lastRevision)
        : await bucket.delete(key, lastRevision)
    } catch (error) {
      if (error instanceof RevisionConflict) return undefined
      throw error
    }
    const fact = { user: 'all', key, policy: key, actor, changes: [...changes] }
    await publish(make(PolicyChanged, fact, { id: `policy-${key}-${String(revision).padStart(8, '0')}` }))
    return { ok: true, changes }
  }

  return {
    get: key => bucket.get(key),
    async change(key, policy, actor) {
      let wanted: GuardPolicy | undefined
      if (policy !== undefined) {
        const text = textOf(policy)
        if (text === undefined) return { ok: false, reason: 'it is nested too deeply' }
        const parsed = parse(Buffer.from(text))
        if (!parsed.ok) return parsed
        wanted = parsed.value
      }
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const outcome = await tryToChange(key, wanted, actor)
        if (outcome) return outcome
      }
      return { ok: false, reason: 'others are changing it at the same time' }
    },
  }
}

/** Undefined for what is nested so deeply that writing it would exceed the stack. */
function textOf(policy: unknown): string | undefined {
  try {
    return JSON.stringify(policy) ?? ''
  } catch {
    return undefined
  }
}
