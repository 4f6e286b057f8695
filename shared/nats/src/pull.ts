import { type FluxgateEvent, type Parsed, parseEvent, STREAMS } from '@fluxgate/contracts'
import { type Msg, type MsgHdrs, nanos, type Subscription } from 'nats'
import type { NatsLink } from './link.ts'

/** A message as a stream stored it, or one event of a batch, and where it stands. */
export interface StoredMessage {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: MsgHdrs | undefined
  /** Of an event in its batch; undefined for a message as it is stored. */
  readonly index: number | undefined
  readonly stream: string
  /** Position in the stream, from 1. */
  readonly sequence: number
  /** Position in the consumer's deliveries, from 1. */
  readonly delivery: number
  /** How often this message has been delivered, from 1. */
  readonly attempt: number
  readonly storedAtMs: number
  /** Messages of the stream (and filter) behind this one, as the server knew. */
  readonly pending: number
  /** Where its acknowledgement goes. */
  readonly reply: string
  /** The event that it is; a fault for a whole batch. */
  parse(): Parsed<FluxgateEvent>
}

const EXPIRES_MS = 30_000
const HEARTBEAT_MS = 2_000
/** Silence after which a consumer counts as lost. */
const SILENCE_MS = 5_000
const LATE_MS = 1_000
/** Nothing more is asked for while so many bytes lie here. */
const MAX_HELD_BYTES = 16 * 1024 ** 2
/** Bytes handed over at once, or one message. */
const MAX_TAKEN_BYTES = 1024 ** 2
/**
 * Batches on their way, at the most: a batch has up to 256 KiB, and nats-server closes a connection that has more than
 * 64 MiB before it (`max_pending`).
 */
const MAX_BATCHES_ASKED = 128
const encoder = new TextEncoder()

export interface PullOptions {
  /** Messages asked for and not taken, at the most. */
  readonly maxBuffered: number
  /** Asks for more as soon as there is room (the default); otherwise only when `next` finds nothing. */
  readonly eager?: boolean
  /** Gets what comes when nobody takes it any more; without it that is dropped. */
  readonly onLate?: (message: StoredMessage) => void
}

/**
 * Pulls from one consumer through one subscription, with credit: never more than `maxBuffered` messages asked for and
 * not taken. The library's `consume` asks for more on receipt, so a slow reader of it grows without bound.
 */
export class PullReader {
  readonly #link: NatsLink
  readonly #consumer: string
  readonly #maxBuffered: number
  readonly #eager: boolean
  readonly #onLate: PullOptions['onLate']
  readonly #inbox: string
  readonly #subscription: Subscription
  readonly #watchdog: NodeJS.Timeout
  readonly #offDisconnect: () => void
  #queue: StoredMessage[] = []
  /** Messages at the head of the queue that were taken: a queue cut for each batch would be copied each time. */
  #taken = 0
  #credit = 0
  #heldBytes = 0
  readonly #maxAsked: number
  #heardAtMs = performance.now()
  #wake: (() => void) | undefined
  /** Why nothing more will come, once it is so. */
  fault: string | undefined

  constructor(link: NatsLink, stream: string, consumer: string, options: PullOptions) {
    this.#link = link
    this.#consumer = `${stream}.${consumer}`
    this.#maxBuffered = options.maxBuffered
    this.#maxAsked = isOfBatches(stream)
      ? Math.min(MAX_BATCHES_ASKED, options.maxBuffered)
      : options.maxBuffered
    this.#eager = options.eager ?? true
    this.#onLate = options.onLate
    this.#inbox = link.newInbox()
    this.#subscription = link.connection.subscribe(this.#inbox, {
      callback: (error, message) => (error ? this.#fail(error.message) : this.#receive(message)),
    })
    this.#watchdog = setInterval(() => {
      // Heartbeats come only while something is asked for.
      if (this.#credit > 0 && performance.now() - this.#heardAtMs > SILENCE_MS) this.#fail('no heartbeat')
    }, HEARTBEAT_MS)
    this.#watchdog.unref()
    this.#offDisconnect = link.onDisconnect(() => this.#fail('disconnected'))
    if (this.#eager) this.#topUp()
  }

  /** The next messages, 1 to `max`, as soon as there are any; undefined after {@link fault} or {@link close}. */
  async next(max: number): Promise<StoredMessage[] | undefined> {
    while (this.#queue.length === this.#taken) {
      if (this.fault !== undefined) return undefined
      this.#topUp()
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    const batch = this.#take(max)
    if (this.#eager) this.#topUp()
    return batch
  }

  close(): void {
    this.#fail('closed')
  }

  #take(max: number, maxBytes = MAX_TAKEN_BYTES): StoredMessage[] {
    let end = this.#taken
    let bytes = 0
    while (end < this.#queue.length && end < this.#taken + max) {
      bytes += this.#queue[end]!.data.length
      if (bytes > maxBytes && end > this.#taken) {
        bytes -= this.#queue[end]!.data.length
        break
      }
      end++
    }
    const batch = this.#queue.slice(this.#taken, end)
    this.#heldBytes -= bytes
    this.#taken = end
    if (this.#taken * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#taken)
      this.#taken = 0
    }
    return batch
  }

  #fail(fault: string): void {
    if (this.fault !== undefined) return
    this.fault = fault
    clearInterval(this.#watchdog)
    this.#offDisconnect()
    if (this.#onLate) this.#handBack(this.#onLate)
    else this.#subscription.unsubscribe()
    this.#wake?.()
  }

  /** What was asked for may still be on its way: it is listened for a little longer. */
  #handBack(onLate: (message: StoredMessage) => void): void {
    for (const message of this.#take(this.#queue.length, Number.POSITIVE_INFINITY)) onLate(message)
    setTimeout(() => this.#subscription.unsubscribe(), LATE_MS).unref()
  }

  #topUp(): void {
    if (this.fault !== undefined || this.#heldBytes >= MAX_HELD_BYTES) return
    const held = this.#queue.length - this.#taken
    const room = Math.min(this.#maxBuffered - held, this.#maxAsked) - this.#credit
    if (room < this.#maxAsked / 2) return
    if (this.#credit === 0) this.#heardAtMs = performance.now()
    this.#credit += room
    const request = { batch: room, expires: nanos(EXPIRES_MS), idle_heartbeat: nanos(HEARTBEAT_MS) }
    this.#link.connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${this.#consumer}`,
      encoder.encode(JSON.stringify(request)),
      { reply: this.#inbox },
    )
  }

  #receive(message: Msg): void {
    this.#heardAtMs = performance.now()
    const stored = message.reply === undefined ? undefined : storedMessage(message, message.reply)
    if (stored && this.fault !== undefined) {
      this.#onLate?.(stored)
      return
    }
    if (stored) {
      this.#credit = Math.max(0, this.#credit - 1)
      this.#queue.push(stored)
      this.#heldBytes += stored.data.length
      this.#wake?.()
      this.#wake = undefined
      return
    }
    const code = message.headers?.code ?? 0
    if (code === 100) return // heartbeat
    // 404 and 408 end one request that could not be filled; all else ends the consumer's service to us.
    if (code !== 404 && code !== 408) {
      this.#fail(`${code} ${message.headers?.description ?? ''}`.trim())
      return
    }
    const unfilled = Number(message.headers?.get('Nats-Pending-Messages') || this.#maxBuffered)
    this.#credit = Math.max(0, this.#credit - unfilled)
    this.#topUp()
  }
}

function isOfBatches(stream: string): boolean {
  return stream === STREAMS.requests || stream === STREAMS.tokens
}

/** A message as it came: its headers are read when somebody asks for them, since most readers do not. */
class ReceivedMessage implements StoredMessage {
  readonly subject: string
  readonly data: Uint8Array
  readonly index = undefined
  readonly stream: string
  readonly sequence: number
  readonly delivery: number
  readonly attempt: number
  readonly storedAtMs: number
  readonly pending: number
  readonly reply: string
  readonly #message: Msg

  /** @param at where the name of the stream begins in the reply */
  constructor(message: Msg, reply: string, at: number) {
    const streamEnd = reply.indexOf('.', at)
    const consumerEnd = reply.indexOf('.', streamEnd + 1)
    const attemptEnd = reply.indexOf('.', consumerEnd + 1)
    const sequenceEnd = reply.indexOf('.', attemptEnd + 1)
    const deliveryEnd = reply.indexOf('.', sequenceEnd + 1)
    const timeEnd = reply.indexOf('.', deliveryEnd + 1)
    this.subject = message.subject
    this.data = message.data
    this.stream = reply.slice(at, streamEnd)
    this.attempt = wholeNumber(reply, consumerEnd + 1, attemptEnd)
    this.sequence = wholeNumber(reply, attemptEnd + 1, sequenceEnd)
    this.delivery = wholeNumber(reply, sequenceEnd + 1, deliveryEnd)
    this.storedAtMs = wholeNumber(reply, deliveryEnd + 1, timeEnd - NANO_DIGITS)
    this.pending = wholeNumber(reply, timeEnd + 1, reply.length)
    this.reply = reply
    this.#message = message
  }

  get headers(): MsgHdrs | undefined {
    return this.#message.headers
  }

  parse(): Parsed<FluxgateEvent> {
    return parseEvent(this.data)
  }
}

const ACK = '$JS.ACK.'
/** Words of a reply without a domain. */
const SHORT_WORDS = 9
/** Digits of nanoseconds below a millisecond. */
const NANO_DIGITS = 6
const DOT = 46
const ZERO = 48

/**
 * Reads `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<attempt>.<sequence>.<delivery>.<nanoseconds>.<pending>`, and
 * one more word behind where there is a domain. Called for every message: it makes no words.
 */
function storedMessage(message: Msg, reply: string): StoredMessage | undefined {
  if (!reply.startsWith(ACK)) return undefined
  let words = 1
  for (let i = 0; i < reply.length; i++) if (reply.charCodeAt(i) === DOT) words++
  if (words === SHORT_WORDS) return new ReceivedMessage(message, reply, ACK.length)
  const domainEnd = reply.indexOf('.', ACK.length)
  return new ReceivedMessage(message, reply, reply.indexOf('.', domainEnd + 1) + 1)
}

/** Decimal digits from one index up to another, or up to the first dot. */
function wholeNumber(text: string, from: number, to: number): number {
  let value = 0
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) break
    value = value * 10 + code - ZERO
  }
  return value
}
