import {
  BUCKETS,
  type DataOf,
  type EventMaker,
  GuardPolicy,
  jsonParser,
  LimitsPolicy,
  type OutgoingEvent,
  type Parsed,
  PolicyChanged,
  PriceList,
  parseIdentity,
  readJson,
  validatorOf,
} from '@fluxgate/contracts'
import { Bucket, type NatsLink, RevisionConflict, type Watch, watchBucket } from '@fluxgate/nats'
import { GUARD_POLICY_KEYS, openPolicyBook, type PolicyBook, policyChanges } from '@fluxgate/operations'

/** Keys of bucket `policy` that gateways go by. */
export const LIMITS_KEY = 'limits'
export const PRICES_KEY = 'prices'

/** Called with what is in force, once before the watch is there when there is anything; undefined means defaults. */
export interface PolicyListener {
  readonly onLimits: (policy: LimitsPolicy | undefined) => void
  readonly onPrices: (list: PriceList | undefined) => void
  /** The guard's, of which gateways need the addresses that it allows by name. */
  readonly onGuard: (policy: GuardPolicy | undefined) => void
}

const MAX_POLICY_BYTES = 16 * 1024 * 1024

/** Keeps limits and prices current; what cannot be read leaves the one before in force. */
export async function watchPolicy(
  link: NatsLink,
  { onLimits, onPrices, onGuard }: PolicyListener,
): Promise<Watch<unknown>> {
  // Other keys of the bucket have other schemas: each is read by whom it concerns.
  const raw = new Bucket<unknown>(link, BUCKETS.policy, bytes =>
    readJson(bytes, { maxSize: MAX_POLICY_BYTES }),
  )
  const applyLimits = applier(link, LIMITS_KEY, validatorOf(LimitsPolicy), onLimits)
  const applyPrices = applier(link, PRICES_KEY, validatorOf(PriceList), onPrices)
  const applyGuard = applier(link, GUARD_POLICY_KEYS.live, validatorOf(GuardPolicy), onGuard)
  return watchBucket(link, raw, {
    onChange(key, value) {
      if (key === LIMITS_KEY) applyLimits(value)
      else if (key === PRICES_KEY) applyPrices(value)
      else if (key === GUARD_POLICY_KEYS.live) applyGuard(value)
    },
  })
}

function applier<T>(
  link: NatsLink,
  key: string,
  validate: (value: unknown) => Parsed<T>,
  apply: (value: T | undefined) => void,
): (value: unknown) => void {
  return value => {
    if (value === undefined) {
      apply(undefined)
      return
    }
    const valid = validate(value)
    if (valid.ok) apply(valid.value)
    else link.log.error({ key, reason: valid.reason }, 'policy refused, the one before stays in force')
  }
}

const NO_OVERRIDES: LimitsPolicy = Object.freeze({ tiers: {}, identities: {} })
const NO_PRICES: PriceList = Object.freeze({ models: {} })

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
      const { before, after, revision } = await changeValue(bucket, LIMITS_KEY, NO_OVERRIDES, change)
      const id = revisionId(LIMITS_KEY, revision)
      const facts = limitFacts(before, after)
      await Promise.all(
        facts.map((fact, i) => publish(make(PolicyChanged, { ...fact, actor }, { id: `${id}-${i}` }))),
      )
    },
  }
}

/** The price list for those who change it: the whole of it at once, followed by a fact that says what differs. */
export interface PriceBook {
  readonly readPrices: () => Promise<PriceList>
  readonly putPrices: (list: PriceList) => Promise<void>
}

/** @param publish resolves when the event is safe */
export function openPriceBook(
  link: NatsLink,
  publish: (event: OutgoingEvent) => Promise<unknown>,
  make: EventMaker,
  actor: string,
): PriceBook {
  const bucket = new Bucket(link, BUCKETS.policy, jsonParser(PriceList))
  return {
    readPrices: async () => (await bucket.get(PRICES_KEY))?.value ?? NO_PRICES,
    async putPrices(list) {
      const { before, after, revision } = await changeValue(bucket, PRICES_KEY, NO_PRICES, before =>
        policyChanges(before, list).length === 0 ? before : list,
      )
      const changes = [...policyChanges(before, after)]
      if (changes.length === 0) return
      const fact = { user: 'all', key: PRICES_KEY, policy: PRICES_KEY, actor, changes }
      await publish(make(PolicyChanged, fact, { id: revisionId(PRICES_KEY, revision) }))
    },
  }
}

/** All that orders change in bucket `policy`: limits, prices, and the guard's policy. */
export function openPolicyBooks(
  link: NatsLink,
  publish: (event: OutgoingEvent) => Promise<unknown>,
  make: EventMaker,
  actor: string,
): LimitsBook & PriceBook & { readonly policyBook: PolicyBook } {
  return {
    ...openLimitsBook(link, publish, make, actor),
    ...openPriceBook(link, publish, make, actor),
    policyBook: openPolicyBook(link, publish, make),
  }
}

function revisionId(key: string, revision: number): string {
  return `policy-${key}-${String(revision).padStart(8, '0')}`
}

/** Reads, changes and writes back a value; starts over when another writer was first. */
async function changeValue<T>(
  bucket: Bucket<T>,
  key: string,
  absent: T,
  change: (value: T) => T,
): Promise<{ before: T; after: T; revision: number }> {
  for (;;) {
    const { before = absent, lastRevision } = await bucket.last(key)
    const after = change(before)
    if (after === before) return { before, after, revision: lastRevision }
    try {
      return { before, after, revision: await bucket.update(key, after, lastRevision) }
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
