import { type LogPosition, parsePosition, positionText } from '@fluxgate/contracts'
import { ToolError } from '../backends/index.ts'

/** Where in a reading of several streams something stands. */
export interface EventPosition extends LogPosition {
  readonly storedAtMs: number
}

export function eventCursor(position: EventPosition): string {
  return Buffer.from(`${position.storedAtMs} ${positionText(position)}`).toString('base64url')
}

/** @throws ToolError */
export function readEventCursor(cursor: string): EventPosition {
  const [, storedAtMs, text = ''] =
    /^(\d{1,16}) (.+)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  const position = parsePosition(text)
  if (!position) throw badCursor()
  return { storedAtMs: Number(storedAtMs), ...position }
}

export function badCursor(): ToolError {
  return new ToolError('FLUXGATE_BAD_CURSOR', 'Invalid cursor. Leave it out to start from the beginning.')
}
