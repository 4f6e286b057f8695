import { BUCKETS, callerFilter, GuardPolicy, jsonParser, PolicyChanged, STREAMS } from '@fluxgate/contracts'
import { DEFAULT_POLICY, wholePolicy } from '@fluxgate/guard-core'
import { Bucket, type NatsLink, replay } from '@fluxgate/nats'
import type { PolicyBook } from './policy-book.nats.ts'
import {
  GUARD_POLICY_KEYS,
  type GuardPolicyKey,
  type PolicyChangeView,
  type PolicyPage,
  type PolicyView,
} from './views.ts'

/** The key of bucket `policy` under which the leading guard publishes what it applies while no policy is stored. */
const DEFAULT_KEY = 'guard-default'
/** Events about what holds for everybody have this user. */
const ALL = 'all'
const MAX_CHANGES = 50

/** The policy that the guard applies now. */
export interface PolicyInForce {
  readonly policy: GuardPolicy
  /** `default`: none is stored. */
  readonly source: 'stored' | 'default'
  /** Of the stored policy. */
  readonly revision: number | null
}

/** Reads the guard's policies. While no guard has ever led, its default is that of guard-core. */
export interface Policies {
  inForce(): Promise<PolicyInForce>
  defaultPolicy(): Promise<GuardPolicy>
  page(): Promise<PolicyPage>
}

export function openPolicies(link: NatsLink, book: Pick<PolicyBook, 'get'>): Policies {
  const bucket = defaultBucket(link)
  const defaultPolicy = async () => (await bucket.get(DEFAULT_KEY))?.value ?? DEFAULT_POLICY
  const view = async (key: GuardPolicyKey): Promise<PolicyView> => {
    const found = await book.get(key)
    return { key, policy: found?.value ?? null }
  }
  return {
    defaultPolicy,
    async inForce() {
      const stored = await book.get(GUARD_POLICY_KEYS.live)
      return stored
        ? { policy: stored.value, source: 'stored', revision: stored.revision }
        : { policy: await defaultPolicy(), source: 'default', revision: null }
    },
    async page() {
      const keys = Object.values(GUARD_POLICY_KEYS)
      const [policies, changes, defaults] = await Promise.all([
        Promise.all(keys.map(view)),
        lastChanges(link),
        defaultPolicy(),
      ])
      return { policies, changes, defaults }
    },
  }
}

/** Called by the guard that leads: its default, with the thresholds of every rule. */
export async function publishDefaultPolicy(link: NatsLink, policy: GuardPolicy): Promise<void> {
  const bucket = defaultBucket(link)
  const whole = { ...policy, rules: wholePolicy(policy).rules }
  const known = await bucket.get(DEFAULT_KEY)
  if (JSON.stringify(known?.value) !== JSON.stringify(whole)) await bucket.put(DEFAULT_KEY, whole)
}

function defaultBucket(link: NatsLink): Bucket<GuardPolicy> {
  return new Bucket(link, BUCKETS.policy, jsonParser(GuardPolicy))
}

/** Newest first. */
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
