import { callerFilter, type GuardPolicy, PolicyChanged, STREAMS } from '@fluxgate/contracts'
import { DEFAULT_RULES } from '@fluxgate/guard-core'
import {
  GUARD_POLICY_KEYS,
  type GuardPolicyKey,
  type NatsLink,
  type PolicyBook,
  replay,
} from '@fluxgate/nats'
import { done, refused } from '../http/index.ts'
import type { PolicyChangeView, PolicyPage, PolicyView } from './answers.ts'

/** Facts about what holds for everybody env under this user. */
const ALL = 'all'
const MAX_CHANGES = 50

/** What a guard goes by that nobody has given a policy, but for its environment. */
export const DEFAULT_POLICY: GuardPolicy = {
  rules: DEFAULT_RULES,
  penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 },
  graceMs: 300_000,
}

export type Policies = ReturnType<typeof openPolicies>

/**
 * The guard's policies in their bucket, and who has changed them, out of the log. An invalid policy is refused with the
 * reason, and the one before stays.
 */
export function openPolicies(link: NatsLink, book: PolicyBook) {
  const view = async (key: GuardPolicyKey): Promise<PolicyView> => {
    const found = await book.get(key)
    return { key, policy: found?.value ?? null }
  }
  return {
    async all(): Promise<PolicyPage> {
      const keys = Object.values(GUARD_POLICY_KEYS)
      const [policies, changes] = await Promise.all([Promise.all(keys.map(view)), lastChanges(link)])
      return { policies, changes, defaults: DEFAULT_POLICY }
    },
    async change(key: GuardPolicyKey, policy: object | undefined, actor: string) {
      const outcome = await book.change(key, policy, actor)
      return outcome.ok
        ? done({ changes: outcome.changes })
        : refused('invalid', `The policy is invalid, and the previous one stays in force: ${outcome.reason}.`)
    },
  }
}

/** The latest first. */
async function lastChanges(link: NatsLink): Promise<PolicyChangeView[]> {
  const found: PolicyChangeView[] = []
  const filter = callerFilter('auth', { kind: PolicyChanged.kind, user: ALL })
  for await (const { events } of replay(link, { stream: STREAMS.auth, filter, from: 'first' })) {
    for (const { event } of events) {
      if (event.type !== 'fluxgate.auth.policy_changed') continue
      const { policy, actor, changes } = event.data
      found.push({ id: event.id, at: Date.parse(event.time), policy, actor, changes })
      if (found.length > MAX_CHANGES) found.shift()
    }
  }
  return found.reverse()
}
