import { type GuardAction, type GuardPolicy, MINUTE_MS } from '@fluxgate/contracts'
import { GUARD_PRESETS } from './presets.ts'

export type RuleName = keyof GuardPolicy['rules']
/** The thresholds of one rule; its action is always known. */
export type RulePolicy<Name extends RuleName> = NonNullable<GuardPolicy['rules'][Name]> & {
  readonly action: GuardAction
}

/** A policy with nothing left out. */
export interface WholePolicy {
  readonly rules: { readonly [Name in RuleName]: RulePolicy<Name> }
  readonly penalty: GuardPolicy['penalty']
  readonly repeat: NonNullable<GuardPolicy['repeat']>
  readonly graceMs: number
  /** Users, `<user>.<key>`. */
  readonly allowedIdentities: ReadonlySet<string>
  readonly allowedAddresses: ReadonlySet<string>
}

/**
 * What a rule does unless its policy says otherwise. Rules whose finding may as well be a customer's luck (a launch, a
 * move to a cloud with many addresses) only observe. So does the one that counts by account: strangers must not be able
 * to lock an owner out.
 */
export const DEFAULT_RULES: WholePolicy['rules'] = Object.freeze({
  contextFlood: { ...GUARD_PRESETS.standard, action: { kind: 'throttle' } },
  tokenDrain: {
    enabled: true,
    windowMs: 2 * MINUTE_MS,
    baselineWindows: 30,
    warmUpWindows: 8,
    deviations: 6,
    minTokens: 20_000,
    action: { kind: 'observe' },
  },
  requestFlood: { enabled: true, windowMs: 10_000, threshold: 1_500, action: { kind: 'throttle' } },
  failedLoginsAccount: {
    enabled: true,
    windowMs: 10 * MINUTE_MS,
    threshold: 10,
    action: { kind: 'observe' },
  },
  failedLoginsAddress: {
    enabled: true,
    windowMs: 10 * MINUTE_MS,
    threshold: 20,
    action: { kind: 'block', durationMs: 10 * MINUTE_MS },
  },
  keyGuessing: {
    enabled: true,
    windowMs: MINUTE_MS,
    threshold: 30,
    action: { kind: 'block', durationMs: 10 * MINUTE_MS },
  },
  keySharing: {
    enabled: true,
    windowMs: 2 * MINUTE_MS,
    threshold: 10,
    action: { kind: 'observe' },
  },
  concurrentStreams: {
    enabled: true,
    windowMs: 10 * MINUTE_MS,
    threshold: 250,
    action: { kind: 'throttle' },
  },
  errorProbing: {
    enabled: true,
    windowMs: MINUTE_MS,
    thresholdErrors: 100,
    minShare: 0.5,
    thresholdModels: 20,
    action: { kind: 'throttle' },
  },
  oversizedPrompts: {
    enabled: true,
    windowMs: MINUTE_MS,
    promptTokens: 100_000,
    threshold: 10,
    action: { kind: 'observe' },
  },
  deadKeys: { enabled: true, windowMs: 5 * MINUTE_MS, threshold: 10, action: { kind: 'observe' } },
} satisfies WholePolicy['rules'])

const DEFAULT_REPEAT: WholePolicy['repeat'] = Object.freeze({
  windowMs: 24 * 60 * MINUTE_MS,
  factor: 2,
  maxDurationMs: 24 * 60 * MINUTE_MS,
})

/** What a guard applies that has no policy and no settings. */
export const DEFAULT_POLICY: GuardPolicy = Object.freeze({
  rules: DEFAULT_RULES,
  penalty: { capacity: 100, refillRate: 10, durationMs: MINUTE_MS },
  graceMs: 5 * MINUTE_MS,
})

/** Fills in what a policy leaves out. */
export function wholePolicy(policy: GuardPolicy): WholePolicy {
  const rules: Record<string, object> = {}
  for (const [name, fallback] of Object.entries(DEFAULT_RULES)) {
    const given = policy.rules[name as RuleName]
    // A flood's threshold that was chosen is the whole of it: a burst counts only where it is named.
    const beside = name === 'contextFlood' && given ? { action: fallback.action } : fallback
    rules[name] = { ...beside, ...given }
  }
  return {
    rules: rules as unknown as WholePolicy['rules'],
    penalty: policy.penalty,
    repeat: policy.repeat ?? DEFAULT_REPEAT,
    graceMs: policy.graceMs,
    allowedIdentities: new Set(policy.allow?.identities),
    allowedAddresses: new Set(policy.allow?.addresses),
  }
}
