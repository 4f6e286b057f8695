import { type LogPosition, MAX_BATCH_EVENTS, placeOf } from '@fluxgate/contracts'

/** Above the index of any event of a batch; the highest stands for a message that is one event. */
const INDEXES = 2 * MAX_BATCH_EVENTS
const NO_INDEX = INDEXES - 1

/** Sequence and index of a position as one number, in the order of the log: rules remember many. */
export function placeNumber(sequence: number, index: number | undefined): number {
  return sequence * INDEXES + (index ?? NO_INDEX)
}

export function positionAt(stream: string, place: number): LogPosition {
  const index = place % INDEXES
  return placeOf({
    stream,
    sequence: Math.floor(place / INDEXES),
    index: index === NO_INDEX ? undefined : index,
  })
}
