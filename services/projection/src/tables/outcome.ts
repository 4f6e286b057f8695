/** Where a stream goes on. */
export interface StoredPosition {
  readonly sequence: number
  /** Time of the last event that the tables hold, epoch milliseconds. */
  readonly eventTimeMs: number | null
  /** When JetStream made the stream, as the server writes it; null before the projection has ever seen it. */
  readonly created: string | null
}

/** What one transaction did. */
export interface Applied {
  /** What each stream gained. */
  readonly streams: ReadonlyMap<string, StreamGain>
  /** Events that another projection had applied already. */
  readonly skipped: number
  /** Events that the log holds more than once. */
  readonly repeated: number
}

export interface StreamGain {
  readonly events: number
  /** Where the tables stand now. */
  readonly position: number
  /** When the message there was stored, epoch milliseconds. */
  readonly storedAtMs: number
}

/** The stored position lies before what was read: Postgres has lost commits, and reading must begin again there. */
export class PositionLost extends Error {
  readonly code = 'FLUXGATE_POSITION_LOST'
  constructor(stream: string, stored: number, expected: number) {
    super(`the tables are at ${stream} ${stored}, not at ${expected}: Postgres was set back`)
    this.name = 'PositionLost'
  }
}

/** Some event of the batch cannot be stored, now or ever. */
export class DataError extends Error {
  readonly code = 'FLUXGATE_DATA_FAULT'
}
