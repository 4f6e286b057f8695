import { identityText, type LogPosition, placeOf, positionText, type StoredEvent } from '@fluxgate/contracts'
import type { ViolationKind } from './violation.ts'

export type Step = 'admitted' | 'ended' | 'settled'
export type Ending = 'completed' | 'failed' | 'interrupted'

/** An event of a request, where it stands and whom it names. */
export interface Told {
  readonly place: LogPosition
  readonly identity: string
  readonly model: string
  /** Endings say none. */
  readonly tier: string | undefined
  readonly storedAtMs: number
}

export interface Ended extends Told {
  readonly ending: Ending
  readonly startedMs: number
}

export interface Admitted extends Told {
  readonly reserved: number
}

export interface Settled extends Told {
  readonly reserved: number
  readonly progressed: number
  readonly prompt: number
  readonly completion: number
  readonly total: number
}

/**
 * What the progress of a request adds up to, in any order: the sum of what was new, and of the squares of the counts less
 * those of the counts before. Of whole progress they are the last count and its square.
 */
export interface Progress {
  sum: number
  squares: number
}

export function addProgress(
  progress: Progress,
  { prompt, completion, delta }: { prompt: number; completion: number; delta: number },
): void {
  const count = prompt + completion
  progress.sum += delta
  progress.squares += count ** 2 - (count - delta) ** 2
}

export function isProgressOf(progress: Progress, { progressed }: Settled): boolean {
  return progress.sum === progressed && progress.squares === progressed ** 2
}

/** A request of which something is still to be told. */
export interface Known {
  readonly request: string
  heardMs: number
  admitted: Admitted | undefined
  readonly progress: Progress
  ended: Ended | undefined
  settled: Settled | undefined
}

/** What events about a request say of it. */
export interface Said {
  readonly user: string
  readonly key: string
  readonly model: string
  readonly tier?: string
}

export function identityFieldsOf(entry: StoredEvent, { user, key, model, tier }: Said): Told {
  return {
    place: placeOf(entry),
    identity: identityText({ user, key }),
    model,
    tier,
    storedAtMs: entry.storedAtMs,
  }
}

/** Two events of one request that do not say the same of it. */
export function contradictionOf(
  before: Told,
  after: Told,
): { readonly offence: ViolationKind; readonly detail: string } | undefined {
  const [at, there] = [placeText(after), placeText(before)]
  if (before.identity !== after.identity) {
    const detail = `${after.identity} stands at ${at}, and ${before.identity} at ${there}`
    return { offence: 'identity_changed', detail }
  }
  if (before.model !== after.model) {
    const detail = `model ${after.model} stands at ${at}, and ${before.model} at ${there}`
    return { offence: 'model_changed', detail }
  }
  if (before.tier !== after.tier && before.tier !== undefined && after.tier !== undefined) {
    return {
      offence: 'tier_changed',
      detail: `tier ${after.tier} stands at ${at}, and ${before.tier} at ${there}`,
    }
  }
  return undefined
}

export function toldsOf({ admitted, ended, settled }: Known): Told[] {
  return [admitted, ended, settled].filter(told => told !== undefined)
}

export function placeText({ place }: Told): string {
  return positionText(place)
}
