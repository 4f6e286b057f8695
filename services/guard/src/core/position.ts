/** How far the log is folded and everything that followed from it is done: what the lease record keeps. */
export interface Position {
  readonly sequence: number
  /** When the stream stored the message at that sequence. */
  readonly storedAtMs: number
}

export function readPosition(value: unknown): Position | undefined {
  const { sequence, storedAtMs } = (value ?? {}) as Partial<Position>
  const isWhole = Number.isSafeInteger(sequence) && Number.isSafeInteger(storedAtMs)
  return isWhole ? { sequence: sequence as number, storedAtMs: storedAtMs as number } : undefined
}
