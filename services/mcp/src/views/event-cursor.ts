import { ToolError } from '../backends/index.ts'

/** Where in a reading of several streams something stands. */
export interface EventPosition {
  readonly storedAtMs: number
  readonly stream: string
  readonly sequence: number
}

export function eventCursor({ storedAtMs, stream, sequence }: EventPosition): string {
  return Buffer.from(`${storedAtMs} ${stream} ${sequence}`).toString('base64url')
}

/** @throws ToolError */
export function readEventCursor(cursor: string): EventPosition {
  const place = /^(\d{1,16}) ([A-Z]{1,32}) (\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString())
  if (!place) throw badCursor()
  return { storedAtMs: Number(place[1]), stream: place[2]!, sequence: Number(place[3]) }
}

export function badCursor(): ToolError {
  return new ToolError('FLUXGATE_BAD_CURSOR', 'Invalid cursor. Leave it out to start from the beginning.')
}
