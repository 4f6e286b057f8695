import type { RuleState, Standing, Told } from './state.ts'
import type { RuleName, WholePolicy } from './whole-policy.ts'

/** Incidents of one identity and rule that are remembered: by then the penalty is at its longest. */
const MAX_TOLD = 16

export function standingOf({ standings }: RuleState, key: string): Standing {
  let standing = standings.get(key)
  if (!standing) {
    const never = Number.NEGATIVE_INFINITY
    standing = { told: [], clearedAtMs: never, graceUntilMs: never, forgivenAtMs: never }
    standings.set(key, standing)
  }
  return standing
}

/**
 * After an incident the rule leaves the identity alone for a time; a throttle holds it meanwhile.
 * @returns false when it is known already
 */
export function quieten(state: RuleState, key: string, told: Told): boolean {
  const standing = standingOf(state, key)
  const isKnown = standing.told.some(
    ({ incident, sinceMs }) => incident === told.incident && sinceMs === told.sinceMs,
  )
  if (isKnown) return false
  standing.told.push(told)
  standing.told.sort((a, b) => a.sinceMs - b.sinceMs)
  if (standing.told.length > MAX_TOLD) standing.told.shift()
  return true
}

/** Incidents before this time that make a penalty longer. */
export function offencesAt(standing: Standing | undefined, atMs: number, { repeat }: WholePolicy): number {
  if (!standing) return 0
  const fromMs = Math.max(atMs - repeat.windowMs, standing.forgivenAtMs)
  return standing.told.filter(({ sinceMs }) => sinceMs < atMs && sinceMs > fromMs).length
}

/** How long a rule leaves an identity alone after so many offences, and throttles it if it throttles. */
export function penaltyMs(policy: WholePolicy, rule: RuleName, offences: number): number {
  const { repeat, penalty } = policy
  const first = policy.rules[rule].action.durationMs ?? penalty.durationMs
  return Math.max(first, Math.min(Math.round(first * repeat.factor ** offences), repeat.maxDurationMs))
}

/** True when nothing of it can matter any more. */
export function isOver(standing: Standing, atMs: number, { repeat }: WholePolicy): boolean {
  const { told, clearedAtMs, graceUntilMs } = standing
  if (graceUntilMs > atMs || clearedAtMs >= atMs) return false
  return told.every(({ sinceMs, untilMs }) => untilMs <= atMs && sinceMs + repeat.windowMs <= atMs)
}

/** How far back incidents and pardons still have a say. */
export function standingMs(policy: WholePolicy): number {
  const { repeat, penalty, graceMs, rules } = policy
  const durations = Object.values(rules).map(({ action }) => action.durationMs ?? penalty.durationMs)
  return Math.max(graceMs, repeat.windowMs + Math.max(repeat.maxDurationMs, ...durations))
}
