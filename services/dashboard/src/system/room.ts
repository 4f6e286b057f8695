import { BUCKETS, STREAMS } from '@fluxgate/contracts'

export const THROTTLES_STREAM = `KV_${BUCKETS.throttles}`

/**
 * Part of its room from which a stream is said to be full. Streams of events that have an age are not in it: they run at
 * their limit and drop their oldest by design.
 */
const FULL_AT: Readonly<Record<string, number>> = {
  // While automatic throttles are dropped, the guard lets the bucket fill to 75 % and empties it to 65 %.
  [THROTTLES_STREAM]: 0.65,
  // Without an age: when they are full, incidents that were to stay are dropped.
  [STREAMS.incidents]: 0.9,
}

/** @param maxBytes 0 for no limit */
export function needsRoom(stream: string, bytes: number, maxBytes: number): boolean {
  const fullAt = FULL_AT[stream]
  return fullAt !== undefined && maxBytes > 0 && bytes / maxBytes >= fullAt
}
