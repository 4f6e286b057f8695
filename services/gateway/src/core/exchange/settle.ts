import type { Usage, UsageTap } from '../usage/tap.ts'

export interface Settlement {
  readonly prompt: number
  readonly completion: number
  readonly total: number
  readonly source: 'reported' | 'counted' | 'estimated'
}

const NOTHING_USED: Settlement = Object.freeze({ prompt: 0, completion: 0, total: 0, source: 'estimated' })

/**
 * What an answer cost: the upstream's own figures where they came; otherwise the prompt's estimate and the pieces that
 * passed. An answer that is an error, or never began, cost nothing, and neither did a call that asks for no tokens.
 */
export function settle(
  tap: UsageTap | undefined,
  status: number,
  call: { readonly reserved: number; readonly promptEstimate: number },
): Settlement {
  if (!tap || status >= 400) return NOTHING_USED
  if (tap.usage) return reported(tap.usage)
  if (call.reserved === 0) return NOTHING_USED
  const total = call.promptEstimate + tap.pieces
  return { prompt: call.promptEstimate, completion: tap.pieces, total, source: 'estimated' }
}

function reported({ prompt, completion }: Usage): Settlement {
  return { prompt, completion, total: prompt + completion, source: 'reported' }
}
