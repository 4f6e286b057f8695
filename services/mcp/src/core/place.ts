import { Fault } from './fault.ts'

/** Where in a reading of several streams something stands. */
export interface PlaceInTime {
  readonly storedAtMs: number
  readonly stream: string
  readonly sequence: number
}

export function placeCursor({ storedAtMs, stream, sequence }: PlaceInTime): string {
  return Buffer.from(`${storedAtMs} ${stream} ${sequence}`).toString('base64url')
}

/** @throws Fault */
export function placeOf(cursor: string): PlaceInTime {
  const place = /^(\d{1,16}) ([A-Z]{1,32}) (\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString())
  if (!place) throw badCursor()
  return { storedAtMs: Number(place[1]), stream: place[2]!, sequence: Number(place[3]) }
}

export function badCursor(): Fault {
  return new Fault('FLUXGATE_BAD_CURSOR', 'Invalid cursor. Leave it out to start from the beginning.')
}
