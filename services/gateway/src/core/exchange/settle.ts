import { costMicros, type Price } from '@fluxgate/contracts'
import type { Counted } from '../usage/count.ts'
import type { Usage, UsageTap } from '../usage/tap.ts'

export interface Settlement {
  readonly prompt: number
  readonly completion: number
  readonly total: number
  /** Part of `prompt` that the upstream read from its prompt cache, where it said so. */
  readonly cached?: number
  /** Millionths of a US dollar; absent for a model without a price. */
  readonly costMicros?: number
  readonly source: 'reported' | 'counted' | 'estimated'
}

interface Reserved {
  readonly reserved: number
  readonly promptEstimate: number
}

interface Priced extends Reserved {
  readonly price: Price | undefined
}

const NOTHING_USED: Settlement = Object.freeze({ prompt: 0, completion: 0, total: 0, source: 'estimated' })
const UNREPORTED: Usage = Object.freeze({})

/**
 * What the upstream has not reported of an answer that cost something: `true` for each part that is to be counted.
 * Undefined when there is nothing to count.
 */
export function unreported(
  tap: UsageTap | undefined,
  status: number,
  call: Reserved,
): { prompt: boolean; completion: boolean } | undefined {
  if (isFree(tap, status, call)) return undefined
  const { prompt, completion } = tap?.usage ?? UNREPORTED
  if (prompt !== undefined && completion !== undefined) return undefined
  return { prompt: prompt === undefined, completion: completion === undefined }
}

/**
 * What an answer cost: the upstream's own figures where they came; what it did not report as it was counted; where that
 * could not be done, the prompt's estimate and the pieces that passed. The source is that of the weakest part.
 */
export function settle(
  tap: UsageTap | undefined,
  status: number,
  call: Priced,
  counted: Counted | undefined,
): Settlement {
  const used = usedOf(tap, status, call, counted)
  return call.price ? { ...used, costMicros: costMicros(call.price, used) } : used
}

function usedOf(
  tap: UsageTap | undefined,
  status: number,
  call: Reserved,
  counted: Counted | undefined,
): Settlement {
  if (!tap || isFree(tap, status, call) || hasOnlyFailed(tap, counted)) return NOTHING_USED
  const usage = tap.usage ?? UNREPORTED
  const prompt = usage.prompt ?? counted?.prompt ?? call.promptEstimate
  const completion = usage.completion ?? counted?.completion ?? tap.pieces
  const isReported = usage.prompt !== undefined && usage.completion !== undefined
  return {
    prompt,
    completion,
    total: prompt + completion,
    ...(usage.cached === undefined ? {} : { cached: usage.cached }),
    source: isReported ? 'reported' : counted ? 'counted' : 'estimated',
  }
}

/** An error came although the status was good, and nothing had been generated before it. */
function hasOnlyFailed(tap: UsageTap, counted: Counted | undefined): boolean {
  if (!tap.error || tap.usage?.completion) return false
  return (counted?.completion ?? tap.pieces) === 0
}

/** An answer that is an error, or never began, costs nothing, and neither does a call that asks for no tokens. */
function isFree(tap: UsageTap | undefined, status: number, call: Reserved): boolean {
  return !tap || status >= 400 || (tap.usage === undefined && call.reserved === 0)
}
