import type { LogEvent } from '@fluxgate/contracts'
import { type AuthRow, foldAuth } from './auth.ts'
import { type BudgetCrossingRow, foldBudgets } from './budgets.ts'
import { foldIncidents, type IncidentChanges } from './incidents.ts'
import type { Slice } from './log.ts'
import type { KnownRequest } from './request-patch.ts'
import { foldRequests, type RequestChanges, requestOf } from './requests.ts'
import { foldThrottles, type ThrottleRow, throttleOf } from './throttles.ts'

/** What must be read from the tables before a fold. */
export interface Wanted {
  readonly requests: string[]
  readonly throttles: { readonly ids: string[]; readonly users: string[]; readonly keys: string[] }
}

export interface Known {
  readonly requests: ReadonlyMap<string, KnownRequest>
  readonly throttles: readonly ThrottleRow[]
}

export interface Changes {
  readonly requests: RequestChanges
  readonly auth: AuthRow[]
  readonly throttles: ThrottleRow[]
  readonly incidents: IncidentChanges
  readonly budgets: BudgetCrossingRow[]
}

export function wanted(slices: readonly Slice[]): Wanted {
  const requests = new Set<string>()
  const ids: string[] = []
  const users: string[] = []
  const keys: string[] = []
  for (const entry of entriesOf(slices)) {
    const request = requestOf(entry)
    if (request !== undefined) requests.add(request)
    const throttle = throttleOf(entry)
    if (!throttle) continue
    ids.push(throttle.id)
    users.push(throttle.data.user)
    keys.push(throttle.data.key)
  }
  return { requests: [...requests], throttles: { ids, users, keys } }
}

/** Slices of any streams → what changes in the tables. Pure: the same slices and known rows give the same changes. */
export function fold(slices: readonly Slice[], known: Known): Changes {
  const entries = [...entriesOf(slices)]
  return {
    requests: foldRequests(entries, known.requests),
    auth: foldAuth(entries),
    throttles: foldThrottles(entries, known.throttles),
    incidents: foldIncidents(entries),
    budgets: foldBudgets(entries),
  }
}

function* entriesOf(slices: readonly Slice[]): Generator<LogEvent> {
  for (const slice of slices) yield* slice.entries
}
