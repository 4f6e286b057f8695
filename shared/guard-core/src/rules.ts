import type { GuardPolicy } from '@fluxgate/contracts'
import { contextFlood } from './context-flood.ts'
import type { Rule } from './rule.ts'

/** Every rule of the guard, in the order in which they are asked. */
export const RULES: readonly Rule[] = [contextFlood]

/** How far back the memory of all rules reaches under a policy. */
export function memoryMs(policy: GuardPolicy, rules: readonly Rule[] = RULES): number {
  return Math.max(...rules.map(rule => rule.memoryMs(policy)))
}
