export { type Decision, incidentId } from './decide.ts'
export { Fold } from './fold.ts'
export { GUARD_PRESET_NAMES, GUARD_PRESETS, type GuardPreset, presetPolicy } from './presets.ts'
export type { Finding, Rule } from './rule.ts'
export { statusMemoryMs } from './rule-status.ts'
export { memoryMs, RULE_STREAMS, RULES } from './rules/index.ts'
export { GUARD_ACTOR } from './state.ts'
export {
  DEFAULT_POLICY,
  DEFAULT_RULES,
  type RuleName,
  type WholePolicy,
  wholePolicy,
} from './whole-policy.ts'
