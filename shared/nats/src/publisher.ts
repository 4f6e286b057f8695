import { encodeEvent, type OutgoingEvent } from '@fluxgate/contracts'
import type { Subscription } from 'nats'
import { isPlain, PLAIN, readAck } from './ack.ts'
import { AckReader, type OnAck } from './ack-reader.ts'
import {
  type Backlog,
  type BacklogPosition,
  eventsIn,
  MemoryBacklog,
  type PendingRecord,
  pendingRecord,
  type StoredAt,
} from './backlog.ts'
import { BatchBuilder } from './batch-builder.ts'
import { findStored } from './find-stored.ts'
import { Frames } from './frames.ts'
import type { NatsLink } from './link.ts'
import { Composer, type PendingMessage } from './pending-message.ts'
import { DEFAULT_PUBLISHER_LIMITS, type PublisherLimits } from './publisher-limits.ts'
import { RetainedMessages } from './retained-messages.ts'
import { EndsWatch, type StreamEnds } from './stream-ends.ts'
import { Window } from './window.ts'

const RETRY_SCAN_MS = 100
const REFUSED_BACKOFF_MS = 250
/** One acknowledgement in so many is timed: a look at the clock for each would cost more than it tells. */
const TIMED_EVERY = 16

/**
 * Appends events to JetStream: pipelined publishes with one shared acknowledgement subscription and a bounded window.
 * They leave by one write for all that has gathered, and, where {@link PublisherLimits.batches} says so, in one message of
 * each subject. A message stays in the backlog (memory, or a spool on disk) until a stream has acknowledged it; it is sent
 * again after a timeout, a refusal or a reconnect, and the stream drops the copy by its `Nats-Msg-Id`. Order is kept unless
 * a message has to be sent again.
 */
export class EventPublisher implements AsyncDisposable {
  readonly #link: NatsLink
  readonly #limits: PublisherLimits
  readonly #inbox: string
  readonly #subscription: Subscription
  /** By the token that is the end of their acknowledgement's subject. */
  readonly #outstanding = new Window<PendingMessage>()
  #outstandingEvents = 0
  readonly #retained = new RetainedMessages()
  readonly #backlog: Backlog
  readonly #inMemory: boolean
  readonly #builder: BatchBuilder | undefined
  readonly #composer = new Composer()
  /** What this turn of the event loop has brought. */
  #turnRecords: PendingRecord[] = []
  #turnEvents = 0
  #callbacks: Array<() => void> = []
  #refusedUntilMs = 0
  #idle: Array<() => void> = []
  #turn: NodeJS.Immediate | undefined
  /** Set while events gather. */
  #departure: NodeJS.Timeout | undefined
  /** Events wait for more than their departure. */
  #isHeldBack = false
  readonly #frames: Frames
  #fault: string | undefined
  /** Set while events are looked up that may be stored already: nothing is sent meanwhile. */
  #lookingUp: AbortController | undefined
  readonly #ends: EndsWatch
  readonly #timer: NodeJS.Timeout
  readonly #unsubscribe: () => void
  #untimed = 0
  acknowledged = 0
  duplicates = 0
  resent = 0
  refused = 0
  /** Told how long an event waited for its acknowledgement, of some events. */
  onAckDelay: ((ms: number) => void) | undefined

  constructor(link: NatsLink, limits: Partial<PublisherLimits> = {}, backlog?: Backlog) {
    this.#link = link
    this.#backlog = backlog ?? new MemoryBacklog()
    this.#inMemory = backlog === undefined
    this.#limits = { ...DEFAULT_PUBLISHER_LIMITS, ...limits }
    this.#builder = limits.batches && new BatchBuilder(limits.batches)
    this.#inbox = link.newInbox()
    this.#frames = new Frames(this.#inbox)
    this.#subscription = link.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error) link.log.error({ err: error }, 'acknowledgements cannot be received')
        else {
          const { subject, data } = message
          this.#onAck(Number(subject.slice(this.#inbox.length + 1)), data, 0, data.length)
          this.#onAcksRead()
        }
      },
    })
    const onAck: OnAck = (token, bytes, from, to) => this.#onAck(token, bytes, from, to)
    link.readFirst(client => {
      const reader = new AckReader(this.#inbox, client, onAck, () => this.#onAcksRead())
      return bytes => reader.read(bytes)
    })
    const onEnds = (ends: StreamEnds) => this.#backlog.recordEnds(ends)
    this.#ends = new EndsWatch(link, this.#limits.askEndsEveryMs, () => this.#firstSentAtMs(), onEnds)
    this.#timer = setInterval(() => this.#tick(), RETRY_SCAN_MS)
    this.#timer.unref()
    this.#unsubscribe = link.onReconnect(() => this.#resendAll())
    if (this.#backlog.waiting > 0) this.#turn = setImmediate(this.#endTurn)
  }

  /** Events held: waiting or sent and not acknowledged. */
  get buffered(): number {
    return this.#outstandingEvents + this.#backlog.waiting + this.#turnEvents
  }

  /** True when callers should refuse new work; what is in flight may still append. */
  get full(): boolean {
    return this.#backlog.full || (this.#inMemory && this.buffered >= this.#limits.maxBuffered)
  }

  /** Why events are not being stored just now (a full stream or disk, a lost connection), or undefined. */
  get fault(): string | undefined {
    if (this.#backlog.fault !== undefined) return this.#backlog.fault
    return this.#fault ?? (this.#link.isConnected() ? undefined : 'NATS is disconnected')
  }

  /** Hot path: takes responsibility for the event and returns at once. */
  append(outgoing: OutgoingEvent, stored?: (at: StoredAt) => void): void {
    this.#turnEvents++
    if (this.#builder?.add(outgoing, stored)) {
      if (this.#builder.isFull) this.#builder.takeInto(this.#turnRecords)
    } else {
      const { subject, event } = outgoing
      const record = { subject, id: event.id, payload: encodeEvent(event), part: undefined }
      this.#turnRecords.push(pendingRecord(record, stored))
    }
    this.#turn ??= setImmediate(this.#endTurn)
  }

  /**
   * Calls back when everything appended so far is safe: in the spool, or, without one, on its way at the end of this
   * turn of the event loop. Keeps the order of the calls.
   */
  committed(callback: () => void): void {
    this.#callbacks.push(callback)
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
    clearTimeout(this.#departure)
    if (this.#turn) this.#endTurn()
    this.#ends.close()
    this.#lookingUp?.abort()
    this.#unsubscribe()
    this.#subscription.unsubscribe()
    const left = this.buffered
    const { log } = this.#link
    if (left > 0 && this.#inMemory)
      log.error({ events: left, fault: this.fault }, 'publisher closed with events not stored')
    else if (left > 0) log.warn({ events: left, fault: this.fault }, 'events stay in the spool')
    for (const record of this.#retained.records()) this.#release(record)
    this.#backlog.close(this.#unacknowledged())
    return left
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  readonly #endTurn = (): void => {
    this.#turn = undefined
    const records = this.#turnRecords
    const callbacks = this.#callbacks
    this.#turnRecords = []
    this.#turnEvents = 0
    this.#callbacks = []
    this.#builder?.takeInto(records)
    this.#backlog.add(records)
    // First what somebody waits for.
    this.#backlog.commit(callbacks)
    if (this.#limits.gatherMs === 0) this.#sendWaiting()
    else this.#departure ??= setTimeout(this.#depart, this.#limits.gatherMs)
  }

  readonly #depart = (): void => {
    this.#departure = undefined
    this.#sendWaiting()
  }

  #maySend(): boolean {
    return (
      this.#outstandingEvents < this.#limits.maxOutstanding &&
      this.#lookingUp === undefined &&
      this.#link.isConnected() &&
      (this.#refusedUntilMs === 0 || performance.now() >= this.#refusedUntilMs)
    )
  }

  #send(message: PendingMessage): void {
    const nowMs = performance.now()
    const { ackTimeoutMs, maxRetryMs } = this.#limits
    message.sentAtMs = nowMs
    this.#ends.isSentSince = true
    if (message.firstSentAtMs === 0) message.firstSentAtMs = nowMs
    message.retryAtMs = nowMs + Math.min(maxRetryMs, Math.max(ackTimeoutMs, nowMs - message.firstSentAtMs))
    this.#frames.add(message, this.#hold(message))
  }

  /** @returns the token of its acknowledgement */
  #hold(message: PendingMessage): number {
    this.#outstandingEvents += message.events
    return this.#outstanding.push(message)
  }

  #letGo(token: number, message: PendingMessage): void {
    this.#outstandingEvents -= message.events
    this.#outstanding.delete(token)
  }

  /** One write for all that was to be sent. */
  #flushFrames(): void {
    if (!this.#frames.isEmpty) this.#link.write(this.#frames.take())
  }

  #sendWaiting(): void {
    // What is in the backlog now is sent as whole batches, and takes no further parts.
    this.#builder?.close()
    if (this.#maySend()) this.#sendBacklog()
    this.#isHeldBack = this.#backlog.waiting > 0
    this.#flushFrames()
    if (this.#idle.length > 0 && this.buffered === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  #sendBacklog(): void {
    // A message that is begun is sent with all its parts, so that whoever sends it again makes the same of them.
    while (this.#maySend() || this.#composer.continues(this.#backlog.peek())) {
      const record = this.#backlog.next()
      if (record === undefined) break
      const whole = this.#composer.add(record)
      if (whole) this.#send(whole)
    }
    for (const message of this.#composer.takeRest()) this.#send(message)
  }

  /** The acknowledgement stands in the bytes `from` … `to`. */
  #onAck(token: number, bytes: Uint8Array, from: number, to: number): void {
    const message = this.#outstanding.get(token)
    if (!message) return // the acknowledgement of a copy that was sent again
    const ack = isPlain(bytes, from, to) && !isAwaited(message) ? PLAIN : readAck(bytes.subarray(from, to))
    if ('fault' in ack) {
      this.#onRefused(token, message, ack.fault)
      return
    }
    this.#letGo(token, message)
    this.#timeDelay(message)
    if (ack.duplicate) this.duplicates += message.events
    this.#fault = undefined
    this.#refusedUntilMs = 0
    this.#onStored(message, ack)
  }

  #timeDelay({ sentAtMs, events }: PendingMessage): void {
    this.#untimed += events
    if (this.#untimed < TIMED_EVERY) return
    this.#untimed = 0
    this.onAckDelay?.(performance.now() - sentAtMs)
  }

  #onAcksRead(): void {
    if (this.#isHeldBack || this.#idle.length > 0) this.#sendWaiting()
  }

  #onStored(message: PendingMessage, at: StoredAt): void {
    const isRetained = !this.#inMemory && message.records.every(({ segment }) => segment !== undefined)
    const { wasStored } = message
    for (const record of message.records) {
      this.#backlog.acknowledged(record, isRetained)
      if (!wasStored) record.stored?.(at)
    }
    if (!wasStored) this.acknowledged += message.events
    if (isRetained) this.#retained.add(message, performance.now())
  }

  #forgetRested(): void {
    const restedMs = performance.now() - this.#limits.retainAfterAckMs
    for (const record of this.#retained.takeExpired(restedMs)) this.#release(record)
  }

  #release(record: PendingRecord): void {
    if (record.segment) this.#backlog.release(record.segment, eventsIn(record))
  }

  *#unacknowledged(): Generator<BacklogPosition> {
    for (const { records } of this.#outstanding) yield* records
  }

  *#heldPositions(): Generator<BacklogPosition> {
    yield* this.#retained.records()
    yield* this.#unacknowledged()
  }

  /** A stream said no (full, no leader) or none listens: keep the message, tell, and try again a little later. */
  #onRefused(token: number, message: PendingMessage, fault: string): void {
    if (this.#fault !== fault)
      this.#link.log.error({ fault, subject: message.subject }, 'JetStream refused a message')
    this.refused += message.events
    this.#fault = fault
    this.#refusedUntilMs = performance.now() + REFUSED_BACKOFF_MS
    this.#outstanding.delete(token)
    this.#outstanding.push(message)
    message.retryAtMs = this.#refusedUntilMs
  }

  #tick(): void {
    if (this.#link.isConnected()) this.#forgetRested()
    this.#backlog.tick(this.#heldPositions())
    this.#resendOverdue()
    this.#ends.tick()
  }

  /** Of all that may have to be looked up; now, when there is nothing. */
  #firstSentAtMs(): number {
    let firstMs = this.#retained.oldestMs ?? performance.now()
    for (const { firstSentAtMs } of this.#outstanding) firstMs = Math.min(firstMs, firstSentAtMs)
    return firstMs
  }

  #resendOverdue(): void {
    if (!this.#link.isConnected() || this.#lookingUp) return
    const nowMs = performance.now()
    for (const [token, message] of this.#outstanding.entries()) {
      if (message.retryAtMs > nowMs) continue
      this.#letGo(token, message)
      this.resent += message.events
      this.#send(message)
    }
    this.#sendWaiting()
  }

  /** What was acknowledged just before the server went comes first, as it did. */
  #resendAll(): void {
    const retained = this.#retained.takeAll().filter(message => this.#readBack(message))
    const all = [...retained, ...this.#outstanding]
    this.#outstanding.clear()
    this.#outstandingEvents = 0
    for (const message of all) this.#hold(message)
    const oldestMs = Math.min(...all.map(message => message.firstSentAtMs))
    if (performance.now() - oldestMs > this.#limits.lookUpAfterMs) {
      this.#lookUp(oldestMs)
      return
    }
    for (const message of all) message.retryAtMs = 0
    this.#resendOverdue()
  }

  /** @returns false when the disk does not give it any more: another process has taken the spool, and what is in it */
  #readBack(message: PendingMessage): boolean {
    for (const record of message.records) {
      const payload = this.#backlog.read(record)
      if (payload === undefined) {
        this.#link.log.error(
          { id: message.id },
          'an acknowledged message cannot be read back to be sent again',
        )
        for (const each of message.records) this.#release(each)
        return false
      }
      record.payload = payload
    }
    return true
  }

  /** After a long outage: what was stored just before it is no longer known to the stream as a copy. */
  #lookUp(oldestMs: number): void {
    this.#lookingUp?.abort()
    const mine = new AbortController()
    this.#lookingUp = mine
    const records = Array.from(this.#outstanding, message => message.records).flat()
    findStored(this.#link, records, this.#ends.before(oldestMs), mine.signal).then(
      found => {
        this.#lookingUp = undefined
        for (const [token, message] of this.#outstanding.entries()) this.#settle(token, message, found)
        this.#resendOverdue()
      },
      // Aborted by the next reconnect, or by the end.
      () => {},
    )
  }

  /** Goes on with what of a message its stream does not hold. */
  #settle(token: number, message: PendingMessage, found: ReadonlyMap<string, StoredAt>): void {
    message.retryAtMs = 0
    const stored = message.records.filter(({ id }) => found.has(id))
    if (stored.length === 0) return
    this.#letGo(token, message)
    const events = stored.reduce((sum, record) => sum + eventsIn(record), 0)
    this.#onStored({ ...message, records: stored, events }, found.get(stored[0]!.id)!)
    const composer = new Composer()
    const missing = message.records.filter(({ id }) => !found.has(id))
    const rest = missing.map(record => composer.add(record))
    for (const part of [...rest, ...composer.takeRest()]) {
      if (!part) continue
      const { firstSentAtMs, wasStored } = message
      this.#hold(Object.assign(part, { firstSentAtMs, wasStored }))
    }
  }
}

function isAwaited({ records }: PendingMessage): boolean {
  return records.some(({ stored }) => stored !== undefined)
}
