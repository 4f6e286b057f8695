import { type BatchPart, eventsIn, type PendingRecord } from './backlog.ts'

/** What is sent and acknowledged as one: a record, or the parts of a batch that are sent together. */
export interface PendingMessage {
  readonly subject: string
  readonly id: string
  readonly records: PendingRecord[]
  /** Of its first record. */
  readonly part: BatchPart | undefined
  events: number
  /** Monotonic milliseconds; 0 before it is sent. */
  sentAtMs: number
  firstSentAtMs: number
  /** When it is sent again, if nothing is heard of it. */
  retryAtMs: number
  /** True when a stream had acknowledged it once. */
  wasStored: boolean
}

function messageOf(record: PendingRecord): PendingMessage {
  return {
    subject: record.subject,
    id: record.id,
    records: [record],
    part: record.part,
    events: eventsIn(record),
    sentAtMs: 0,
    firstSentAtMs: 0,
    retryAtMs: 0,
    wasStored: false,
  }
}

/**
 * Makes messages of records that come in the order of the backlog: parts of one batch that follow each other become one. A
 * batch is whole when a part of another one comes under its subject, or when nothing more comes.
 */
export class Composer {
  /** By subject: what the next record may still belong to. */
  readonly #open = new Map<string, PendingMessage>()

  /** @returns a message that is whole now */
  add(record: PendingRecord): PendingMessage | undefined {
    const { part, subject } = record
    if (part === undefined) return messageOf(record)
    const open = this.#open.get(subject)
    if (open && isNextPart(open, part)) {
      open.records.push(record)
      open.events += part.events
      return undefined
    }
    this.#open.set(subject, messageOf(record))
    return open
  }

  /** Whether the record belongs to a message that is not whole yet. */
  continues(record: PendingRecord | undefined): boolean {
    if (record?.part === undefined) return false
    const open = this.#open.get(record.subject)
    return open !== undefined && isNextPart(open, record.part)
  }

  /** What is whole because nothing more comes. */
  takeRest(): PendingMessage[] {
    const rest = [...this.#open.values()]
    this.#open.clear()
    return rest
  }
}

function isNextPart({ part, events }: PendingMessage, { batch, first }: BatchPart): boolean {
  return part !== undefined && part.batch === batch && part.first + events === first
}
