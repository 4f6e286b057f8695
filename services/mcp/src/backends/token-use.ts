import type { FluxgateEvent } from '@fluxgate/contracts'

/** Tokens that an event of TOKENS counts for the first time. */
export interface TokenUse {
  readonly atMs: number
  readonly tokens: number
  /** Tokens per second that the tier gives back. */
  readonly refillRate: number
}

export interface UsePeak {
  /** Of the window's last event. */
  readonly atMs: number
  readonly tokens: number
  /** What the tier refills in the window: only tokens beyond it count as abuse. */
  readonly allowance: number
}

/** A settlement's total includes what `progressed` events have counted already. */
export function tokenUseOf(event: FluxgateEvent): TokenUse | undefined {
  const atMs = Date.parse(event.time)
  if (event.type === 'fluxgate.tokens.settled') {
    const { total, progressed, refillRate } = event.data
    return { atMs, tokens: Math.max(0, total - progressed), refillRate }
  }
  if (event.type !== 'fluxgate.tokens.progressed') return undefined
  return { atMs, tokens: event.data.delta, refillRate: event.data.refillRate }
}

/** The window of `windowMs` in which the most tokens beyond the allowance were used. */
export function peakUse(uses: readonly TokenUse[], windowMs: number): UsePeak | undefined {
  const ordered = uses.toSorted((a, b) => a.atMs - b.atMs)
  let peak: UsePeak | undefined
  let tokens = 0
  let first = 0
  for (const { atMs, tokens: used, refillRate } of ordered) {
    tokens += used
    while (ordered[first]!.atMs <= atMs - windowMs) tokens -= ordered[first++]!.tokens
    const allowance = (refillRate * windowMs) / 1_000
    if (!peak || tokens - allowance > peak.tokens - peak.allowance) peak = { atMs, tokens, allowance }
  }
  return peak
}
