import type { RuleState, RuleStatus, Suppression } from './state.ts'
import type { RuleName, WholePolicy } from './whole-policy.ts'

/** Incidents of one identity and rule that are remembered: by then the penalty is at its longest. */
const MAX_SUPPRESSIONS = 16

export function ruleStatusOf({ statuses }: RuleState, key: string): RuleStatus {
  let status = statuses.get(key)
  if (!status) {
    const never = Number.NEGATIVE_INFINITY
    status = { suppressions: [], clearedAtMs: never, graceUntilMs: never, forgivenAtMs: never }
    statuses.set(key, status)
  }
  return status
}

/**
 * After an incident the rule leaves the identity alone for a time; a throttle holds it meanwhile.
 * @returns false when it is known already
 */
export function suppress(state: RuleState, key: string, suppression: Suppression): boolean {
  const status = ruleStatusOf(state, key)
  const isKnown = status.suppressions.some(
    ({ incident, sinceMs }) => incident === suppression.incident && sinceMs === suppression.sinceMs,
  )
  if (isKnown) return false
  status.suppressions.push(suppression)
  status.suppressions.sort((a, b) => a.sinceMs - b.sinceMs)
  if (status.suppressions.length > MAX_SUPPRESSIONS) status.suppressions.shift()
  return true
}

/** Incidents before this time that make a penalty longer. */
export function violationsAt(status: RuleStatus | undefined, atMs: number, { repeat }: WholePolicy): number {
  if (!status) return 0
  const fromMs = Math.max(atMs - repeat.windowMs, status.forgivenAtMs)
  return status.suppressions.filter(({ sinceMs }) => sinceMs < atMs && sinceMs > fromMs).length
}

/** How long a rule leaves an identity alone after so many violations, and throttles it if it throttles. */
export function penaltyMs(policy: WholePolicy, rule: RuleName, violations: number): number {
  const { repeat, penalty } = policy
  const first = policy.rules[rule].action.durationMs ?? penalty.durationMs
  return Math.max(first, Math.min(Math.round(first * repeat.factor ** violations), repeat.maxDurationMs))
}

/** True when nothing of it can matter any more. */
export function isOver(status: RuleStatus, atMs: number, { repeat }: WholePolicy): boolean {
  const { suppressions, clearedAtMs, graceUntilMs } = status
  if (graceUntilMs > atMs || clearedAtMs >= atMs) return false
  return suppressions.every(({ sinceMs, untilMs }) => untilMs <= atMs && sinceMs + repeat.windowMs <= atMs)
}

/** How far back incidents and pardons still have a say. */
export function statusMemoryMs(policy: WholePolicy): number {
  const { repeat, penalty, graceMs, rules } = policy
  const durations = Object.values(rules).map(({ action }) => action.durationMs ?? penalty.durationMs)
  return Math.max(graceMs, repeat.windowMs + Math.max(repeat.maxDurationMs, ...durations))
}
