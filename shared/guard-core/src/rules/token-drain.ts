import { STREAMS } from '@fluxgate/contracts'
import { positionAt } from '../place.ts'
import { identityOf, MAX_EVIDENCE, type Rule } from '../rule.ts'
import { HISTORY } from '../source-clocks.ts'
import type { RulePolicy } from '../whole-policy.ts'
import { consumedBy, rounded, spendingOf } from './spending.ts'

/** The median of absolute deviations times this is the standard deviation of a normal distribution. */
const MAD_TO_SIGMA = 1.4826
/** Nobody is so steady that a quarter more is out of the ordinary: the median deviation is at least this, in logarithms. */
const MIN_MAD = 0.25
/** Largest events of the present window that are named. */
const RETAINED = 8
/** An event is worth naming when so many of its kind would be a drain. */
const RECORDED_PART = 200

interface Present {
  number: number
  tokens: number
  /** Over this it is a drain; worked out when the window first holds enough to be one. */
  limit: number | undefined
  /** Place, tokens. */
  largest: number[]
}

interface Drain {
  readonly windowMs: number
  /** Tokens of the windows before the present one, oldest first; 0 for one without any use. */
  past: readonly number[]
  readonly present: Present
}

/**
 * Tokens of one window far beyond the identity's own baseline. The measure is a robust z-score of the logarithm: what
 * people and programs burn is spread over orders of magnitude, and one wild window must not move the baseline, as it
 * would a mean. Windows without any use say nothing about how much is usual, so only active ones count.
 */
export const tokenDrain: Rule<Drain> = {
  name: 'tokenDrain',
  streams: [STREAMS.tokens],

  keyOf(entry) {
    const spending = spendingOf(entry)
    return spending && consumedBy(spending) > 0 ? entry.event.subject : undefined
  },

  evolve(memory, entry, policy) {
    const { windowMs, baselineWindows, minTokens } = policy.rules.tokenDrain
    if (entry.atMs === HISTORY) return memory
    const number = Math.floor(entry.atMs / windowMs)
    const drain = memory?.windowMs === windowMs ? memory : begin(windowMs, number)
    const { present } = drain
    if (number > present.number) {
      const idle = Math.min(number - present.number - 1, baselineWindows)
      drain.past = drain.past
        .concat([present.tokens], new Array<number>(idle).fill(0))
        .slice(-baselineWindows)
      present.number = number
      present.tokens = 0
      present.limit = undefined
      present.largest = []
    }
    const tokens = consumedBy(spendingOf(entry)!)
    if (number < present.number) return addedToPast(drain, present.number - number, tokens)
    present.tokens += tokens
    if (tokens * RECORDED_PART >= minTokens) record(present.largest, entry.place, tokens)
    return drain
  },

  crossedBy({ windowMs, past, present }, entry, policy) {
    const { minTokens } = policy.rules.tokenDrain
    if (present.tokens <= minTokens || entry.atMs < present.number * windowMs) return undefined
    present.limit ??= Math.max(minTokens, limitOf(past, policy.rules.tokenDrain))
    return present.tokens > present.limit ? identityOf(spendingOf(entry)!) : undefined
  },

  explain({ past, present }, entry, policy) {
    const { windowMs, deviations, minTokens } = policy.rules.tokenDrain
    const { median, sigma } = baseline(past)
    const z = rounded((Math.log(present.tokens) - median) / sigma)
    const usual = Math.round(Math.exp(median))
    const activeWindows = active(past).length
    return {
      severity: z > 2 * deviations ? 'high' : 'medium',
      explanation:
        `Consumed ${present.tokens} tokens in a window of ${windowMs / 1_000} s. Its own baseline is ${usual}, the ` +
        `median of the ${activeWindows} active windows before: a robust z-score of ${z}, and the policy allows ` +
        `${deviations}, which is ${Math.round(present.limit ?? 0)} tokens.`,
      numbers: {
        burntTokens: present.tokens,
        baselineTokens: usual,
        zScore: z,
        deviations,
        minTokens,
        limitTokens: Math.round(present.limit ?? 0),
        activeWindows,
        windowMs,
      },
      evidence: placesOf(present.largest)
        .slice(0, MAX_EVIDENCE)
        .map(place => positionAt(entry.stream, place)),
    }
  },

  isIdle({ windowMs, present }, atMs, policy) {
    return (present.number + 1 + policy.rules.tokenDrain.baselineWindows) * windowMs <= atMs
  },

  memoryMs(policy) {
    const { windowMs, baselineWindows } = policy.rules.tokenDrain
    return (baselineWindows + 1) * windowMs
  },
}

/** What came late belongs to a window before. */
function addedToPast(drain: Drain, windowsAgo: number, tokens: number): Drain {
  const index = drain.past.length - windowsAgo
  if (index >= 0) drain.past = drain.past.with(index, drain.past[index]! + tokens)
  return drain
}

function begin(windowMs: number, number: number): Drain {
  return { windowMs, past: [], present: { number, tokens: 0, limit: undefined, largest: [] } }
}

function limitOf(past: readonly number[], policy: RulePolicy<'tokenDrain'>): number {
  if (active(past).length < policy.warmUpWindows) return Number.POSITIVE_INFINITY
  const { median, sigma } = baseline(past)
  return Math.exp(median + policy.deviations * sigma)
}

function active(past: readonly number[]): number[] {
  return past.filter(tokens => tokens > 0)
}

/** Of the logarithms of tokens. */
function baseline(past: readonly number[]): { median: number; sigma: number } {
  const logs = active(past).map(Math.log)
  const median = medianOf(logs)
  const mad = medianOf(logs.map(each => Math.abs(each - median)))
  return { median, sigma: MAD_TO_SIGMA * Math.max(mad, MIN_MAD) }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function record(largest: number[], place: number, tokens: number): void {
  if (largest.length < 2 * RETAINED) {
    largest.push(place, tokens)
    return
  }
  let least = 0
  for (let i = 2; i < largest.length; i += 2) if (largest[i + 1]! < largest[least + 1]!) least = i
  if (tokens > largest[least + 1]!) {
    largest[least] = place
    largest[least + 1] = tokens
  }
}

function placesOf(largest: readonly number[]): number[] {
  return largest.filter((_, i) => i % 2 === 0).sort((a, b) => a - b)
}
