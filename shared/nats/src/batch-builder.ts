import {
  type BatchedStream,
  batchSubject,
  encodeLine,
  isBatched,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  type OutgoingEvent,
  type StreamName,
  schemasOf,
} from '@fluxgate/contracts'
import { type EncodedRecord, type PendingRecord, partId, pendingRecord, type StoredAt } from './backlog.ts'

export interface BatchOptions {
  /** CloudEvents `source` of the events; those of another source are messages of their own. */
  readonly source: string
  /** Ids of batches: ULIDs. */
  readonly newId: () => string
  /** Over how many subjects a stream's events are spread by their users. */
  readonly partitions: number
}

/** What one turn of the event loop has brought to a subject. */
interface Gathered {
  readonly subject: string
  readonly stream: BatchedStream
  lines: string
  events: number
  /** Who waits to be called, if anybody does. */
  stored: Array<(at: StoredAt) => void> | undefined
}

/** A batch that takes further parts until it is sent, or large enough. */
interface OpenBatch {
  readonly id: string
  events: number
  chars: number
}

/** Makes records of events: those of batched streams together, each turn a part of its subject's batch. */
export class BatchBuilder {
  readonly #options: BatchOptions
  readonly #gathered = new Map<string, Gathered>()
  readonly #open = new Map<string, OpenBatch>()
  /** Events of this turn that stand in no record yet. */
  events = 0

  constructor(options: BatchOptions) {
    this.#options = options
  }

  /** @returns false for an event that is a message of its own */
  add(
    { subject: own, event, hasOwnId }: OutgoingEvent,
    stored: ((at: StoredAt) => void) | undefined,
  ): boolean {
    const { source, partitions } = this.#options
    if (hasOwnId || event.source !== source || !own.startsWith(PREFIX)) return false
    const stream = own.slice(PREFIX.length, own.indexOf('.', PREFIX.length)) as StreamName
    if (!isBatched(stream)) return false
    const { user } = event.data as { user: string }
    const subject = batchSubject(stream, user, partitions)
    let gathered = this.#gathered.get(subject)
    if (gathered === undefined) {
      gathered = { subject, stream, lines: '', events: 0, stored: undefined }
      this.#gathered.set(subject, gathered)
    }
    gathered.lines += `${encodeLine(event)}\n`
    gathered.events++
    this.events++
    if (stored) {
      gathered.stored ??= []
      gathered.stored.push(stored)
    }
    return true
  }

  /** Whether a subject has gathered enough for a batch: its records are to be taken before more is added. */
  get isFull(): boolean {
    for (const { lines, events } of this.#gathered.values())
      if (events >= MAX_BATCH_EVENTS || lines.length >= MAX_BATCH_BYTES) return true
    return false
  }

  /** Puts what was gathered behind these records, a record for each subject. */
  takeInto(records: PendingRecord[]): void {
    if (this.events === 0) return
    for (const gathered of this.#gathered.values()) {
      if (gathered.events === 0) continue
      records.push(pendingRecord(this.#recordOf(gathered), oneOf(gathered.stored)))
      gathered.lines = ''
      gathered.events = 0
      gathered.stored = undefined
    }
    this.events = 0
  }

  /** What comes from now on belongs to further batches. */
  close(): void {
    this.#open.clear()
  }

  #recordOf({ subject, stream, lines, events }: Gathered): EncodedRecord {
    let open = this.#open.get(subject)
    const isOver =
      open !== undefined &&
      (open.events + events > MAX_BATCH_EVENTS || open.chars + lines.length > MAX_BATCH_BYTES)
    if (open === undefined || isOver) {
      open = { id: this.#options.newId(), events: 0, chars: 0 }
      this.#open.set(subject, open)
    }
    const first = open.events
    open.events += events
    open.chars += lines.length
    const part = { batch: open.id, first, events, source: this.#options.source, schemas: schemasOf(stream) }
    return { subject, id: partId(open.id, first), payload: lines, part }
  }
}

function oneOf(calls: Gathered['stored']): ((at: StoredAt) => void) | undefined {
  return (
    calls &&
    (at => {
      for (const call of calls) call(at)
    })
  )
}

const PREFIX = 'fluxgate.'
