import type { RangeName } from '../../../src/usage/answers.ts'
import { useRoute } from '../router/index.ts'

export interface RangeChoice {
  readonly name: RangeName
  readonly text: string
  /** `the 24 h before`: what figures are compared with. */
  readonly before: string
}

export const RANGE_CHOICES: readonly RangeChoice[] = [
  { name: '5m', text: 'Live', before: 'the 5 min before' },
  { name: '1h', text: '1 h', before: 'the hour before' },
  { name: '24h', text: '24 h', before: 'the 24 h before' },
  { name: '7d', text: '7 d', before: 'the 7 d before' },
  { name: '30d', text: '30 d', before: 'the 30 d before' },
]

/** The range that the address names; what it names wrongly is the first of them. */
export function useRange(choices: readonly RangeChoice[]): RangeChoice {
  const asked = useRoute().query.get('range')
  return choices.find(({ name }) => name === asked) ?? choices[0]!
}

/** How often a view of this range is loaded again: short ranges have buckets of a minute. */
export function everyMsOf(name: RangeName): number {
  return name === '5m' || name === '1h' ? 5_000 : 60_000
}
