import type { StoredFact } from './fact.ts'
import type { Place } from './offence.ts'

export type Step = 'admitted' | 'ended' | 'settled'
export type Ending = 'completed' | 'failed' | 'interrupted'

/** A fact of a request, where it stands and whom it names. */
export interface Told {
  readonly place: Place
  readonly identity: string
  readonly storedAtMs: number
}

export interface Ended extends Told {
  readonly ending: Ending
  readonly startedMs: number
}

export interface Settled extends Told {
  readonly prompt: number
  readonly completion: number
  readonly total: number
}

/** A request of which something is still to be told. */
export interface Known {
  readonly request: string
  heardMs: number
  admitted: Told | undefined
  ended: Ended | undefined
  settled: Settled | undefined
}

export function toldOf(
  { stream, sequence, storedAtMs }: StoredFact,
  { user, key }: { user: string; key: string },
): Told {
  return { place: { stream, sequence }, identity: `${user}.${key}`, storedAtMs }
}

export function toldsOf({ admitted, ended, settled }: Known): Told[] {
  return [admitted, ended, settled].filter(told => told !== undefined)
}

export function placeText({ place }: Told): string {
  return `${place.stream}:${place.sequence}`
}
