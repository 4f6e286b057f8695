import type { Rule } from '../rule.ts'
import { CLOCK_MEMORY_MS, MAX_LATENESS_MS } from '../source-clocks.ts'
import type { WholePolicy } from '../whole-policy.ts'
import { concurrentStreams } from './concurrent-streams.ts'
import { contextFlood } from './context-flood.ts'
import { errorProbing } from './error-probing.ts'
import { failedLoginsAccount } from './failed-logins-account.ts'
import { failedLoginsAddress } from './failed-logins-address.ts'
import { keySharing } from './key-sharing.ts'
import { oversizedPrompts } from './oversized-prompts.ts'
import { deadKeys, keyGuessing } from './rejected-keys.ts'
import { requestFlood } from './request-flood.ts'
import { tokenDrain } from './token-drain.ts'

/** Every rule of the guard, in the order in which they are asked. */
export const RULES: readonly Rule[] = [
  ...[contextFlood, tokenDrain, requestFlood, concurrentStreams, errorProbing, oversizedPrompts],
  ...[failedLoginsAccount, failedLoginsAddress, keyGuessing, keySharing, deadKeys],
] as readonly Rule[]

/** The streams that the rules read, and so the guard. */
export const RULE_STREAMS: readonly string[] = [...new Set(RULES.flatMap(rule => rule.streams))]

/** How far back the memory of a stream's rules reaches under a policy. */
export function memoryMs(policy: WholePolicy, stream: string, rules: readonly Rule[] = RULES): number {
  const reading = rules.filter(rule => rule.streams.includes(stream) && policy.rules[rule.name].enabled)
  const longestMs = Math.max(0, ...reading.map(rule => rule.memoryMs(policy)))
  return longestMs === 0 ? 0 : longestMs + MAX_LATENESS_MS + CLOCK_MEMORY_MS
}
