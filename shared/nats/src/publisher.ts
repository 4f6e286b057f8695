import { encodeEvent, type OutgoingEvent } from '@fluxgate/contracts'
import type { Subscription } from 'nats'
import { AckReader, type OnAck } from './ack-reader.ts'
import {
  type Backlog,
  type BacklogPosition,
  MemoryBacklog,
  type PendingEvent,
  type StoredAt,
} from './backlog.ts'
import { findStored } from './find-stored.ts'
import { Frames } from './frames.ts'
import { type InFlightBatch, InFlightBatches } from './in-flight-batches.ts'
import type { NatsLink } from './link.ts'
import { EndsWatch, type StreamEnds } from './stream-ends.ts'
import { DEDUPE_WINDOW_MS } from './topology.ts'
import { Window } from './window.ts'

export interface PublisherLimits {
  /** Events sent and not yet acknowledged. */
  readonly maxOutstanding: number
  /** Events held in all; beyond it {@link EventPublisher.full} asks callers to take no new work. A spool has its own limit. */
  readonly maxBuffered: number
  /** After this long without an acknowledgement an event is sent again under the same id; then it waits twice as long. */
  readonly ackTimeoutMs: number
  /** The longest such wait: a server that hangs is not flooded with copies. */
  readonly maxRetryMs: number
  /** An event whose first copy is older is looked up before it is sent again: its stream may not know the copy. */
  readonly lookUpAfterMs: number
  /**
   * An acknowledged event is kept this long, and sent again when the server was away meanwhile: nats-server 2.9 writes
   * up to 8 ms after its acknowledgement, and servers that lose power keep what is older than their `sync_interval`.
   */
  readonly retainAfterAckMs: number
  /** Events that come within this time leave by one write; 0: those of one turn of the event loop. */
  readonly gatherMs: number
  /** How often the ends of the streams are asked for while events are sent: a look-up begins there. Infinite: never. */
  readonly askEndsEveryMs: number
}

export const DEFAULT_PUBLISHER_LIMITS: PublisherLimits = Object.freeze({
  maxOutstanding: 4_096,
  maxBuffered: 65_536,
  ackTimeoutMs: 500,
  maxRetryMs: 4_000,
  lookUpAfterMs: DEDUPE_WINDOW_MS / 2,
  retainAfterAckMs: 2_000,
  gatherMs: 0,
  askEndsEveryMs: 10_000,
})

const RETRY_SCAN_MS = 100
const REFUSED_BACKOFF_MS = 250
const ACK_PREFIX = 123 // '{'
const STREAM = 115 // 's', as in '{"stream"'
const ZERO = 48
const NINE = 57
/** The place of an event for which nobody asks. */
const PLAIN: StoredAt = Object.freeze({ stream: '', sequence: 0, duplicate: false })
/** One acknowledgement in so many is timed: a look at the clock for each would cost more than it tells. */
const TIMED_EVERY = 16

/**
 * Appends events to JetStream: pipelined publishes with one shared acknowledgement subscription and a bounded window.
 * Events leave once per turn of the event loop: one write for all that the turn has brought, instead of one each.
 * An event stays in the backlog (memory, or a spool on disk) until a stream has acknowledged it; it is sent again after
 * a timeout, a refusal or a reconnect, and the stream drops the copy by its `Nats-Msg-Id`. Order is kept unless an
 * event has to be sent again.
 */
export class EventPublisher implements AsyncDisposable {
  readonly #link: NatsLink
  readonly #limits: PublisherLimits
  readonly #inbox: string
  readonly #subscription: Subscription
  /** By the token that is the end of their acknowledgement's subject. */
  readonly #outstanding = new Window<PendingEvent>()
  /** What is sent by one write, and what was. An event in memory alone is not kept once it is acknowledged. */
  #currentBatch: InFlightBatch | undefined
  readonly #inFlight = new InFlightBatches()
  readonly #backlog: Backlog
  readonly #inMemory: boolean
  /** What this turn of the event loop has brought. */
  #turnEvents: PendingEvent[] = []
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
    return this.#outstanding.size + this.#backlog.waiting + this.#turnEvents.length
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
    this.#turnEvents.push({
      subject: outgoing.subject,
      id: outgoing.event.id,
      payload: encodeEvent(outgoing.event),
      stored,
      writtenAtMs: 0,
      wasStored: false,
      sentAtMs: 0,
      firstSentAtMs: 0,
      retryAtMs: 0,
      segment: undefined,
      position: 0,
      commit: undefined,
      batch: undefined,
    })
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
    for (const { segment, events } of this.#inFlight.portions()) this.#backlog.release(segment, events)
    this.#backlog.close(this.#outstanding)
    return left
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  readonly #endTurn = (): void => {
    this.#turn = undefined
    const batch = this.#turnEvents
    const callbacks = this.#callbacks
    this.#turnEvents = []
    this.#callbacks = []
    this.#backlog.add(batch)
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
      this.#outstanding.size < this.#limits.maxOutstanding &&
      this.#lookingUp === undefined &&
      this.#link.isConnected() &&
      (this.#refusedUntilMs === 0 || performance.now() >= this.#refusedUntilMs)
    )
  }

  #send(pending: PendingEvent): void {
    const nowMs = performance.now()
    const { ackTimeoutMs, maxRetryMs } = this.#limits
    pending.sentAtMs = nowMs
    this.#ends.isSentSince = true
    if (pending.firstSentAtMs === 0) pending.firstSentAtMs = nowMs
    pending.retryAtMs = nowMs + Math.min(maxRetryMs, Math.max(ackTimeoutMs, nowMs - pending.firstSentAtMs))
    this.#frames.add(pending, this.#outstanding.push(pending))
    if (this.#inMemory) return
    this.#currentBatch ??= this.#inFlight.begin(pending.sentAtMs)
    this.#inFlight.add(this.#currentBatch, pending)
  }

  /** One write for all that was to be sent. */
  #flushFrames(): void {
    if (this.#frames.isEmpty) return
    const frames = this.#frames.take()
    if (this.#currentBatch) this.#currentBatch.frames = frames
    this.#currentBatch = undefined
    this.#link.write(frames)
  }

  #sendWaiting(): void {
    while (this.#maySend()) {
      const pending = this.#backlog.next()
      if (!pending) break
      this.#send(pending)
    }
    this.#isHeldBack = this.#backlog.waiting > 0
    this.#flushFrames()
    if (this.#idle.length > 0 && this.buffered === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** The acknowledgement stands in the bytes `from` … `to`. */
  #onAck(token: number, bytes: Uint8Array, from: number, to: number): void {
    const pending = this.#outstanding.get(token)
    if (!pending) return // the acknowledgement of a copy that was sent again
    const ack =
      pending.stored === undefined && isPlain(bytes, from, to) ? PLAIN : readAck(bytes.subarray(from, to))
    if ('fault' in ack) {
      this.#onRefused(token, pending, ack.fault)
      return
    }
    this.#outstanding.delete(token)
    if (token % TIMED_EVERY === 0) this.onAckDelay?.(performance.now() - pending.sentAtMs)
    if (ack.duplicate) this.duplicates++
    this.#fault = undefined
    this.#refusedUntilMs = 0
    this.#onStored(pending, ack)
  }

  #onAcksRead(): void {
    if (this.#isHeldBack || this.#idle.length > 0) this.#sendWaiting()
  }

  #onStored(pending: PendingEvent, at: StoredAt): void {
    const { segment, batch } = pending
    const isRetained = segment !== undefined && batch !== undefined
    if (isRetained) this.#inFlight.acknowledged(pending, batch, segment, performance.now())
    else this.#inFlight.leave(pending)
    this.#backlog.acknowledged(pending, isRetained)
    if (pending.wasStored) return
    this.acknowledged++
    pending.stored?.(at)
  }

  #forgetRested(): void {
    const restedMs = performance.now() - this.#limits.retainAfterAckMs
    for (const { segment, events } of this.#inFlight.takeExpired(restedMs))
      this.#backlog.release(segment, events)
  }

  *#retained(): Generator<BacklogPosition> {
    yield* this.#inFlight.portions()
    yield* this.#outstanding
  }

  /** A stream said no (full, no leader) or none listens: keep the event, tell, and try again a little later. */
  #onRefused(token: number, pending: PendingEvent, fault: string): void {
    if (this.#fault !== fault)
      this.#link.log.error({ fault, subject: pending.subject }, 'JetStream refused an event')
    this.refused++
    this.#fault = fault
    this.#refusedUntilMs = performance.now() + REFUSED_BACKOFF_MS
    this.#outstanding.delete(token)
    this.#outstanding.push(pending)
    pending.retryAtMs = this.#refusedUntilMs
  }

  #tick(): void {
    if (this.#link.isConnected()) this.#forgetRested()
    this.#backlog.tick(this.#retained())
    this.#resendOverdue()
    this.#ends.tick()
  }

  /** Of all that may have to be looked up; now, when there is nothing. */
  #firstSentAtMs(): number {
    let firstMs = this.#inFlight.oldestMs ?? performance.now()
    for (const pending of this.#outstanding)
      if (pending.firstSentAtMs < firstMs) firstMs = pending.firstSentAtMs
    return firstMs
  }

  #resendOverdue(): void {
    if (!this.#link.isConnected() || this.#lookingUp) return
    const nowMs = performance.now()
    for (const [token, pending] of this.#outstanding.entries()) {
      if (pending.retryAtMs > nowMs) continue
      this.#outstanding.delete(token)
      this.resent++
      this.#send(pending)
    }
    this.#sendWaiting()
  }

  /** What was acknowledged just before the server went comes first, as it did. */
  #resendAll(): void {
    const all = [...this.#inFlight.takeAll(this.#outstanding), ...this.#outstanding]
    this.#outstanding.clear()
    for (const pending of all) this.#outstanding.push(pending)
    const oldestMs = Math.min(...Array.from(this.#outstanding, pending => pending.firstSentAtMs))
    if (performance.now() - oldestMs > this.#limits.lookUpAfterMs) {
      this.#lookUp(oldestMs)
      return
    }
    for (const pending of this.#outstanding) pending.retryAtMs = 0
    this.#resendOverdue()
  }

  /** After a long outage: what was stored just before it is no longer known to the stream as a copy. */
  #lookUp(oldestMs: number): void {
    this.#lookingUp?.abort()
    const mine = new AbortController()
    this.#lookingUp = mine
    findStored(this.#link, this.#outstanding, this.#ends.before(oldestMs), mine.signal).then(
      found => {
        this.#lookingUp = undefined
        for (const [token, pending] of this.#outstanding.entries()) {
          pending.retryAtMs = 0
          const at = found.get(pending.id)
          if (!at) continue
          this.#outstanding.delete(token)
          this.#onStored(pending, at)
        }
        this.#resendOverdue()
      },
      // Aborted by the next reconnect, or by the end.
      () => {},
    )
  }
}

/**
 * True for `{"stream":"…", "seq":123}`, seen by two of its bytes: a refusal begins with `{"error"`, a copy's
 * acknowledgement ends with `"duplicate": true}`. Nobody asks for the place of most events.
 */
function isPlain(bytes: Uint8Array, from: number, to: number): boolean {
  const last = bytes[to - 2]!
  return bytes[from + 2] === STREAM && last >= ZERO && last <= NINE
}

interface Ack {
  stream?: string
  seq?: number
  duplicate?: boolean
  error?: { description?: string; err_code?: number }
}

function readAck(body: Uint8Array): StoredAt | { fault: string } {
  // No stream takes this subject, or JetStream is away: status 503 and no body.
  if (body.length === 0 || body[0] !== ACK_PREFIX) return { fault: 'no stream answered' }
  const ack = JSON.parse(Buffer.from(body).toString('utf8')) as Ack
  if (ack.error || ack.stream === undefined || ack.seq === undefined) {
    return {
      fault: `${ack.error?.description ?? 'unreadable acknowledgement'} (${ack.error?.err_code ?? 0})`,
    }
  }
  return { stream: ack.stream, sequence: ack.seq, duplicate: ack.duplicate === true }
}
