import { readJson } from './json.ts'
import { STREAMS } from './subject.ts'

/** The key in bucket `leases` of the lease on which one of several guards decides. */
export const GUARD_LEASE = 'guard'

/** Value of bucket `leases`: who leads, and what the leader has stored for the one after it. */
export interface LeaseRecord {
  /** Empty when the lease was given back. */
  readonly holder: string
  readonly term: number
  readonly state: unknown
}

/** A record that cannot be read is a free lease without a state: it must not lock all processes out for ever. */
export function readLease(bytes: Uint8Array): LeaseRecord {
  const read = readJson(bytes, { maxSize: bytes.length })
  if (read.ok && typeof read.value === 'object' && read.value !== null) {
    const { holder, term, state } = read.value as Partial<LeaseRecord>
    if (typeof holder === 'string' && Number.isSafeInteger(term)) {
      return { holder, term: term as number, state }
    }
  }
  return { holder: '', term: 0, state: undefined }
}

/** How far a stream is folded, with all that followed from it done. */
export interface FoldedUpTo {
  readonly sequence: number
  /** When the stream stored the message at that sequence, epoch milliseconds. */
  readonly storedAtMs: number
}

/** By stream: the state that a leading guard stores with its lease. */
export type GuardProgress = Readonly<Record<string, FoldedUpTo>>

export function readGuardProgress(state: unknown): GuardProgress | undefined {
  // A record from before there were rules about other streams is a position in TOKENS.
  const tokens = readFoldedUpTo(state)
  if (tokens) return { [STREAMS.tokens]: tokens }
  const found: Record<string, FoldedUpTo> = {}
  for (const [stream, each] of Object.entries(state ?? {})) {
    const position = readFoldedUpTo(each)
    if (position) found[stream] = position
  }
  return Object.keys(found).length > 0 ? found : undefined
}

function readFoldedUpTo(value: unknown): FoldedUpTo | undefined {
  const { sequence, storedAtMs } = (value ?? {}) as Partial<FoldedUpTo>
  const isWhole = Number.isSafeInteger(sequence) && Number.isSafeInteger(storedAtMs)
  return isWhole ? { sequence: sequence as number, storedAtMs: storedAtMs as number } : undefined
}
