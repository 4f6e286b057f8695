import {
  batchedStreamOf,
  batchHead,
  batchLines,
  type FluxgateEvent,
  type Parsed,
  parseBatch,
  parseEvent,
} from '@fluxgate/contracts'
import type { MsgHdrs } from 'nats'
import type { StoredMessage } from './pull.ts'
import type { Selection } from './selection.ts'

/** One event of a batch, as a message of its own would be. */
export class BatchedEvent implements StoredMessage {
  readonly index: number
  readonly #batch: StoredMessage
  readonly #parsed: Parsed<FluxgateEvent>

  constructor(batch: StoredMessage, index: number, parsed: Parsed<FluxgateEvent>) {
    this.#batch = batch
    this.index = index
    this.#parsed = parsed
  }

  get subject(): string {
    return this.#batch.subject
  }
  /** Its line. */
  get data(): Uint8Array {
    return batchLines(this.#batch.data)[this.index] ?? NO_BYTES
  }
  /** Of the batch. */
  get headers(): MsgHdrs | undefined {
    return this.#batch.headers
  }
  get stream(): string {
    return this.#batch.stream
  }
  get sequence(): number {
    return this.#batch.sequence
  }
  get delivery(): number {
    return this.#batch.delivery
  }
  get attempt(): number {
    return this.#batch.attempt
  }
  get storedAtMs(): number {
    return this.#batch.storedAtMs
  }
  get pending(): number {
    return this.#batch.pending
  }
  get reply(): string {
    return this.#batch.reply
  }

  parse(): Parsed<FluxgateEvent> {
    return this.#parsed
  }
}

const NO_BYTES = new Uint8Array(0)
const NO_EVENT: Parsed<FluxgateEvent> = { ok: false, reason: 'a batch without events' }

/** The events of messages, those of batches one by one, as far as they are wanted. */
export function eventsOf(messages: StoredMessage[], selection?: Selection): StoredMessage[] {
  if (!selection && !messages.some(({ subject }) => batchedStreamOf(subject))) return messages
  const events: StoredMessage[] = []
  for (const message of messages) {
    if (!batchedStreamOf(message.subject)) {
      if (!selection || selection.holds(message)) events.push(message)
      continue
    }
    if (selection && !selection.mayHold(message.data)) continue
    const parsed = parseBatch(message.data, batchHead(message.headers))
    if (parsed.length === 0) parsed.push(NO_EVENT)
    for (let i = 0; i < parsed.length; i++) {
      const event = new BatchedEvent(message, i, parsed[i]!)
      if (!selection || selection.holds(event)) events.push(event)
    }
  }
  return events
}

/** A message as a subscription brings it. */
export interface PublishedMessage {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: MsgHdrs
}

export function eventsOfMessage(message: PublishedMessage): Parsed<FluxgateEvent>[] {
  return batchedStreamOf(message.subject)
    ? parseBatch(message.data, batchHead(message.headers))
    : [parseEvent(message.data)]
}
