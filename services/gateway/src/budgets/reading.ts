import { SeenRequests } from './seen-requests.ts'

/**
 * One reading of the log, in order, which fills the ledgers that are its own. A ledger that is new reads the past by a
 * reading of its own, so that the others do not fall behind meanwhile.
 */
export interface Reading {
  readonly seen: SeenRequests
}

export function newReading(): Reading {
  return { seen: new SeenRequests() }
}
