import { encodeEvent, type OutgoingEvent } from '@fluxgate/contracts'
import type { Msg, MsgHdrs, Subscription } from 'nats'
import type { NatsLink } from './link.ts'

export interface PublisherLimits {
  /** Events sent and not yet acknowledged. */
  readonly maxOutstanding: number
  /** Events held in all; beyond it {@link EventPublisher.full} asks callers to take no new work. */
  readonly maxBuffered: number
  /** After this long without an acknowledgement an event is sent again under the same id. */
  readonly ackTimeoutMs: number
}

export const DEFAULT_PUBLISHER_LIMITS: PublisherLimits = Object.freeze({
  maxOutstanding: 4_096,
  maxBuffered: 65_536,
  ackTimeoutMs: 500,
})

export interface StoredAt {
  readonly stream: string
  readonly sequence: number
  readonly duplicate: boolean
}

interface Held {
  readonly subject: string
  readonly id: string
  readonly payload: Uint8Array
  readonly stored: ((at: StoredAt) => void) | undefined
  sentAtMs: number
}

const RETRY_SCAN_MS = 100
const REFUSED_BACKOFF_MS = 250
const ACK_PREFIX = 123 // '{'

/**
 * Appends events to JetStream: pipelined publishes with one shared acknowledgement subscription and a bounded window.
 * Events leave once per turn of the event loop: one write for all that the turn has brought, instead of one each.
 * An event stays here until a stream has acknowledged it; it is sent again after a timeout, a refusal or a reconnect,
 * and the stream drops the copy by its `Nats-Msg-Id`. Order is kept unless an event has to be sent again.
 */
export class EventPublisher implements AsyncDisposable {
  readonly #link: NatsLink
  readonly #limits: PublisherLimits
  readonly #inbox: string
  readonly #subscription: Subscription
  readonly #outstanding = new Map<number, Held>()
  #waiting: Held[] = []
  #waitingFrom = 0
  #nextToken = 0
  #refusedUntilMs = 0
  #idle: Array<() => void> = []
  #turn: NodeJS.Immediate | undefined
  #afterTurn: Array<() => void> = []
  readonly #header = new MessageId()
  #fault: string | undefined
  readonly #timer: NodeJS.Timeout
  readonly #unsubscribe: () => void
  acknowledged = 0
  duplicates = 0
  resent = 0
  refused = 0

  constructor(link: NatsLink, limits: Partial<PublisherLimits> = {}) {
    this.#link = link
    this.#limits = { ...DEFAULT_PUBLISHER_LIMITS, ...limits }
    this.#inbox = link.newInbox()
    this.#subscription = link.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error) link.log.error({ err: error }, 'acknowledgements cannot be received')
        else this.#onAck(message)
      },
    })
    this.#timer = setInterval(() => this.#resendOverdue(), RETRY_SCAN_MS)
    this.#timer.unref()
    this.#unsubscribe = link.onReconnect(() => this.#resendAll())
  }

  /** Events held: waiting or sent and not acknowledged. */
  get buffered(): number {
    return this.#outstanding.size + this.#waiting.length - this.#waitingFrom
  }

  /** True when callers should refuse new work; what is in flight may still append. */
  get full(): boolean {
    return this.buffered >= this.#limits.maxBuffered
  }

  /** Why events are not being stored just now (a full stream, a lost connection), or undefined. */
  get fault(): string | undefined {
    return this.#fault ?? (this.#link.isConnected() ? undefined : 'NATS is disconnected')
  }

  /** Hot path: takes responsibility for the event and returns at once. */
  append(outgoing: OutgoingEvent, stored?: (at: StoredAt) => void): void {
    const held: Held = {
      subject: outgoing.subject,
      id: outgoing.event.id,
      payload: encodeEvent(outgoing.event),
      stored,
      sentAtMs: 0,
    }
    this.#waiting.push(held)
    this.#turn ??= setImmediate(this.#endTurn)
  }

  /** Calls back at the end of this turn, when everything appended so far has left. Keeps the order of the calls. */
  afterTurn(callback: () => void): void {
    this.#afterTurn.push(callback)
    this.#turn ??= setImmediate(this.#endTurn)
  }

  /** Appends and resolves when a stream has stored the event. */
  publish(outgoing: OutgoingEvent): Promise<StoredAt> {
    return new Promise(resolve => this.append(outgoing, resolve))
  }

  /** Resolves when everything appended so far is stored. */
  flush(): Promise<void> {
    if (this.buffered === 0) return Promise.resolve()
    return new Promise(resolve => this.#idle.push(resolve))
  }

  /** Flushes for up to `limitMs`, then lets go; returns how many events were left behind. */
  async close(limitMs = 5_000): Promise<number> {
    await Promise.race([this.flush(), new Promise(done => setTimeout(done, limitMs).unref())])
    clearInterval(this.#timer)
    clearImmediate(this.#turn)
    this.#unsubscribe()
    this.#subscription.unsubscribe()
    const left = this.buffered
    if (left > 0)
      this.#link.log.error({ events: left, fault: this.fault }, 'publisher closed with events not stored')
    return left
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  readonly #endTurn = (): void => {
    this.#turn = undefined
    this.#sendWaiting()
    const callbacks = this.#afterTurn
    this.#afterTurn = []
    for (const callback of callbacks) callback()
  }

  #maySend(): boolean {
    return (
      this.#outstanding.size < this.#limits.maxOutstanding &&
      this.#link.isConnected() &&
      (this.#refusedUntilMs === 0 || performance.now() >= this.#refusedUntilMs)
    )
  }

  #send(held: Held): void {
    const token = this.#nextToken++
    held.sentAtMs = performance.now()
    this.#outstanding.set(token, held)
    this.#header.id = held.id
    this.#link.connection.publish(held.subject, held.payload, {
      reply: `${this.#inbox}.${token}`,
      headers: this.#header as unknown as MsgHdrs,
    })
  }

  #sendWaiting(): void {
    while (this.#waitingFrom < this.#waiting.length && this.#maySend()) {
      this.#send(this.#waiting[this.#waitingFrom++]!)
    }
    if (this.#waitingFrom === this.#waiting.length) {
      this.#waiting = []
      this.#waitingFrom = 0
    } else if (this.#waitingFrom > 4_096) {
      this.#waiting = this.#waiting.slice(this.#waitingFrom)
      this.#waitingFrom = 0
    }
  }

  #onAck(message: Msg): void {
    const token = Number(message.subject.slice(this.#inbox.length + 1))
    const held = this.#outstanding.get(token)
    if (!held) return // the acknowledgement of a copy that was sent again
    const ack = readAck(message)
    if ('fault' in ack) {
      this.#onRefused(token, held, ack.fault)
      return
    }
    this.#outstanding.delete(token)
    this.acknowledged++
    if (ack.duplicate) this.duplicates++
    this.#fault = undefined
    this.#refusedUntilMs = 0
    held.stored?.(ack)
    this.#sendWaiting()
    if (this.buffered === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** A stream said no (full, no leader) or none listens: keep the event, tell, and try again a little later. */
  #onRefused(token: number, held: Held, fault: string): void {
    if (this.#fault !== fault)
      this.#link.log.error({ fault, subject: held.subject }, 'JetStream refused an event')
    this.refused++
    this.#fault = fault
    this.#refusedUntilMs = performance.now() + REFUSED_BACKOFF_MS
    this.#outstanding.delete(token)
    this.#outstanding.set(this.#nextToken++, held)
    // Overdue once the backoff is over.
    held.sentAtMs = this.#refusedUntilMs - this.#limits.ackTimeoutMs
  }

  #resendOverdue(): void {
    if (!this.#link.isConnected()) return
    const now = performance.now()
    const overdue = now - this.#limits.ackTimeoutMs
    for (const [token, held] of this.#outstanding) {
      if (held.sentAtMs > overdue) continue
      this.#outstanding.delete(token)
      this.resent++
      this.#send(held)
    }
    this.#sendWaiting()
  }

  #resendAll(): void {
    for (const held of this.#outstanding.values()) held.sentAtMs = 0
    this.#resendOverdue()
  }
}

/**
 * The one header that an event needs, in the form in which the client asks for headers as it publishes. Its own
 * `headers()` looks each name up and checks it, which takes as long as all the rest of a publish.
 */
class MessageId {
  id = ''

  encode(): Uint8Array {
    return Buffer.from(`NATS/1.0\r\nNats-Msg-Id: ${this.id}\r\n\r\n`, 'latin1')
  }
}

function readAck(message: Msg): StoredAt | { fault: string } {
  // No stream takes this subject, or JetStream is away: status 503 and no body.
  if (message.data.length === 0 || message.data[0] !== ACK_PREFIX) return { fault: 'no stream answered' }
  const ack = message.json<{
    stream?: string
    seq?: number
    duplicate?: boolean
    error?: { description?: string; err_code?: number }
  }>()
  if (ack.error || ack.stream === undefined || ack.seq === undefined) {
    return {
      fault: `${ack.error?.description ?? 'unreadable acknowledgement'} (${ack.error?.err_code ?? 0})`,
    }
  }
  return { stream: ack.stream, sequence: ack.seq, duplicate: ack.duplicate === true }
}
