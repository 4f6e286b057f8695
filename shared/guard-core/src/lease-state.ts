import { STREAMS } from '@fluxgate/contracts'

/** How far a stream is folded and everything that followed from it is done. */
export interface Position {
  readonly sequence: number
  /** When the stream stored the message at that sequence. */
  readonly storedAtMs: number
}

/** The lease on which one of several guards decides, in bucket `leases`. */
export const GUARD_LEASE = 'guard'

/** By stream: the state that a leading guard stores with its lease. Whoever reads that record reads it with {@link readPositions}. */
export type Positions = Readonly<Record<string, Position>>

export function readPositions(value: unknown): Positions | undefined {
  // A record from before there were rules about other streams is a position in TOKENS.
  const tokens = readPosition(value)
  if (tokens) return { [STREAMS.tokens]: tokens }
  const found: Record<string, Position> = {}
  for (const [stream, each] of Object.entries(value ?? {})) {
    const position = readPosition(each)
    if (position) found[stream] = position
  }
  return Object.keys(found).length > 0 ? found : undefined
}

function readPosition(value: unknown): Position | undefined {
  const { sequence, storedAtMs } = (value ?? {}) as Partial<Position>
  const isWhole = Number.isSafeInteger(sequence) && Number.isSafeInteger(storedAtMs)
  return isWhole ? { sequence: sequence as number, storedAtMs: storedAtMs as number } : undefined
}
