import type { GuardPolicy } from '@fluxgate/contracts'

export type GuardPreset = 'standard' | 'strict'
export const GUARD_PRESET_NAMES: readonly GuardPreset[] = ['standard', 'strict']

/**
 * What counts as a flood of tokens. `standard` allows what a tier's own limits allow: a full bucket, which is fifty seconds
 * of refill for the default tiers, and the refill. `strict` is the figure of the original, for small answers and for
 * demonstrations: a few calls at once are a flood.
 */
export const GUARD_PRESETS: Readonly<Record<GuardPreset, GuardPolicy['rules']['contextFlood']>> =
  Object.freeze({
    standard: { enabled: true, windowMs: 20_000, thresholdTokens: 5_000, burstSeconds: 50 },
    strict: { enabled: true, windowMs: 2_000, thresholdTokens: 300 },
  })

/** A policy of nothing but numbers that an operator may set in the environment; its other rules are the defaults. */
export function presetPolicy(
  preset: GuardPreset,
  given: {
    readonly windowMs?: number | undefined
    readonly thresholdTokens?: number | undefined
    readonly penalty: GuardPolicy['penalty']
    readonly graceMs: number
  },
): GuardPolicy {
  const { windowMs, thresholdTokens, penalty, graceMs } = given
  const contextFlood = { ...GUARD_PRESETS[preset] }
  if (windowMs !== undefined) contextFlood.windowMs = windowMs
  if (thresholdTokens !== undefined) {
    contextFlood.thresholdTokens = thresholdTokens
    // A threshold that was chosen is the whole of it.
    delete contextFlood.burstSeconds
  }
  return { rules: { contextFlood }, penalty, graceMs }
}
