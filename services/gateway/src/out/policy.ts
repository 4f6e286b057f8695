import {
  BUCKETS,
  type DataOf,
  type EventMaker,
  jsonParser,
  LimitsPolicy,
  type OutgoingEvent,
  PolicyChanged,
  parseIdentity,
} from '@fluxgate/contracts'
import {
  Bucket,
  type NatsLink,
  policyChanges,
  RevisionConflict,
  type Watch,
  watchBucket,
} from '@fluxgate/nats'

/** Key of the tier overrides in bucket `policy`. */
export const LIMITS_KEY = 'limits'

/** Keeps the limits policy current; what cannot be read leaves the one before in force. */
export async function watchLimits(
  link: NatsLink,
  apply: (policy: LimitsPolicy | undefined) => void,
): Promise<Watch<unknown>> {
  // Other keys of the bucket have other schemas: each is read by whom it concerns.
  const raw = new Bucket<unknown>(link, BUCKETS.policy, bytes => {
    try {
      return { ok: true, value: JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown }
    } catch (cause) {
      return { ok: false, reason: (cause as Error).message }
    }
  })
  const parse = jsonParser(LimitsPolicy)
  return watchBucket(link, raw, {
    onChange(key, value) {
      if (key !== LIMITS_KEY) return
      if (value === undefined) {
        apply(undefined)
        return
      }
      const parsed = parse(Buffer.from(JSON.stringify(value)))
      if (parsed.ok) apply(parsed.value)
      else link.log.error({ reason: parsed.reason }, 'limits policy refused, the one before stays in force')
    },
  })
}

const NO_OVERRIDES: LimitsPolicy = Object.freeze({ tiers: {}, identities: {} })

/** The limits policy for those who change it: each change is followed by facts that name the actor and what differs. */
export interface LimitsBook {
  readonly readLimits: () => Promise<LimitsPolicy>
  /** A concurrent change is not lost: `change` is then asked again. One that gives back what it got changes nothing. */
  readonly changeLimits: (change: (policy: LimitsPolicy) => LimitsPolicy) => Promise<void>
}

/** @param publish resolves when the event is safe */
export function openLimitsBook(
  link: NatsLink,
  publish: (event: OutgoingEvent) => Promise<unknown>,
  make: EventMaker,
  actor: string,
): LimitsBook {
  const bucket = new Bucket(link, BUCKETS.policy, jsonParser(LimitsPolicy))
  return {
    readLimits: async () => (await bucket.get(LIMITS_KEY))?.value ?? NO_OVERRIDES,
    async changeLimits(change) {
      const { before, after, revision } = await changeLimits(link, change)
      const id = `policy-${LIMITS_KEY}-${String(revision).padStart(8, '0')}`
      const facts = limitFacts(before, after)
      await Promise.all(
        facts.map((fact, i) => publish(make(PolicyChanged, { ...fact, actor }, { id: `${id}-${i}` }))),
      )
    },
  }
}

/** Reads, changes and writes back the limits policy; starts over when another writer was first. */
export async function changeLimits(
  link: NatsLink,
  change: (policy: LimitsPolicy) => LimitsPolicy,
): Promise<{ before: LimitsPolicy; after: LimitsPolicy; revision: number }> {
  const bucket = new Bucket(link, BUCKETS.policy, jsonParser(LimitsPolicy))
  for (;;) {
    const { before = NO_OVERRIDES, lastRevision } = await bucket.last(LIMITS_KEY)
    const after = change(before)
    if (after === before) return { before, after, revision: lastRevision }
    try {
      return { before, after, revision: await bucket.update(LIMITS_KEY, after, lastRevision) }
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error
    }
  }
}

/** What an identity's own limit became is a fact about that identity; all else is about everybody. */
function limitFacts(
  before: LimitsPolicy,
  after: LimitsPolicy,
): Array<Omit<DataOf<typeof PolicyChanged>, 'actor'>> {
  const facts = []
  const shared = policyChanges(ofAll(before), ofAll(after))
  if (shared.length > 0) {
    facts.push({ user: 'all', key: LIMITS_KEY, policy: LIMITS_KEY, changes: [...shared] })
  }
  for (const text of new Set([...Object.keys(before.identities), ...Object.keys(after.identities)])) {
    const identity = parseIdentity(text)
    const limitIn = (policy: LimitsPolicy) => ({ identities: { [text]: policy.identities[text] } })
    const changes = policyChanges(limitIn(before), limitIn(after))
    if (identity && changes.length > 0) facts.push({ ...identity, policy: LIMITS_KEY, changes: [...changes] })
  }
  return facts
}

/** Budgets by their name, so that a change of one does not tell all. */
function ofAll({ tiers, budgets = [] }: LimitsPolicy): object {
  return { tiers, budgets: Object.fromEntries(budgets.map(budget => [budget.name, budget])) }
}
