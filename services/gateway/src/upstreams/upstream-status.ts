import type { CircuitState } from './circuit.ts'
import type { DialectName } from './upstream-spec.ts'

/** What is known of one upstream now. Holds no secret. */
export interface UpstreamStatus {
  readonly name: string
  readonly url: string
  /** By its active checks; true when there are none. */
  readonly healthy: boolean
  readonly circuit: CircuitState
  /** Until a probe is let through; 0 unless open. */
  readonly opensInMs: number
  readonly inFlight: number
  readonly maxInFlight: number
  readonly weight: number
  readonly dialects: readonly DialectName[]
  /** Names, patterns and aliases; null: every model. */
  readonly models: readonly string[] | null
  /** Time to the answer's headers, weighted towards the last ones; null before the first. */
  readonly latencyMs: number | null
  readonly calls: number
  readonly failures: number
  readonly lastError: { readonly code: string; readonly message: string; readonly at: number } | null
}

export interface RoutingReport {
  readonly upstreams: readonly UpstreamStatus[]
  /** Calls that wait for a free upstream. */
  readonly waiting: number
  readonly retries: number
  readonly fallbacks: number
  /** Retries that were not made because the budget was spent. */
  readonly retriesSpared: number
  readonly file: FileReport | null
}

export interface FileReport {
  readonly path: string
  /** When what is in force was read, in epoch milliseconds. */
  readonly loadedAt: number
  readonly reloads: number
  /** Why the file as it is now is not in force. */
  readonly fault: string | null
}
