import {
  BUCKETS,
  type EventMaker,
  GuardPolicy,
  jsonParser,
  type OutgoingEvent,
  PolicyChanged,
} from '@fluxgate/contracts'
import { Bucket, type Entry, type NatsLink, RevisionConflict } from '@fluxgate/nats'
import { done, forbidden, type OrderOutcome, refused } from './outcome.ts'
import type { Actor } from './permissions.ts'
import { policyChanges } from './policy-changes.ts'
import type { GuardPolicyKey, PolicyChange } from './views.ts'

/** The guard's policies, each change of which is followed by its event. */
export interface PolicyBook {
  get(key: GuardPolicyKey): Promise<Entry<GuardPolicy> | undefined>
  /** Stores a valid policy, or deletes the stored one; an invalid one is refused with the reason, and the old one stays. */
  change(
    actor: Actor,
    key: GuardPolicyKey,
    policy: unknown,
  ): Promise<OrderOutcome<{ readonly changes: readonly PolicyChange[] }>>
}

const parse = jsonParser(GuardPolicy)
/** Attempts while others change the same policy. */
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
  ): Promise<OrderOutcome<{ readonly changes: readonly PolicyChange[] }> | undefined> {
    const { before, lastRevision } = await bucket.last(key)
    const changes = policyChanges(before, policy)
    if (changes.length === 0) return done({ changes })
    let revision: number
    try {
      revision = policy
        ? await bucket.update(key, policy, lastRevision)
        : await bucket.delete(key, lastRevision)
    } catch (error) {
      if (error instanceof RevisionConflict) return undefined
      throw error
    }
    const data = { user: 'all', key, policy: key, actor, changes: [...changes] }
    await publish(make(PolicyChanged, data, { id: `policy-${key}-${String(revision).padStart(8, '0')}` }))
    return done({ changes })
  }

  return {
    get: key => bucket.get(key),
    async change(actor, key, policy) {
      const error = forbidden(actor, 'change_policy')
      if (error) return error
      let wanted: GuardPolicy | undefined
      if (policy !== undefined) {
        const text = textOf(policy)
        if (text === undefined) return invalid('it is nested too deeply')
        const parsed = parse(Buffer.from(text))
        if (!parsed.ok) return invalid(parsed.reason)
        wanted = parsed.value
      }
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const outcome = await tryToChange(key, wanted, actor.name)
        if (outcome) return outcome
      }
      return refused('conflict', 'The policy stays: others are changing it at the same time.')
    },
  }
}

function invalid(reason: string) {
  return refused('invalid', `The policy is refused, and the one before stays in force: ${reason}.`)
}

/** Undefined for what is nested so deeply that writing it would exceed the stack. */
function textOf(policy: unknown): string | undefined {
  try {
    return JSON.stringify(policy) ?? ''
  } catch {
    return undefined
  }
}
