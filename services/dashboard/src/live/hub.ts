import type { FluxgateEvent, Throttle } from '@fluxgate/contracts'
import type { LiveLimits } from '../config.ts'
import type { LiveFrameName, LiveFrames, LiveThrottle } from './answers.ts'
import { LiveBoard } from './board.ts'
import { encodeFrame, encodeRetry, FrameRing, HEARTBEAT } from './frame-ring.ts'

/** Where frames go: one connected page. */
export interface Sink {
  write(bytes: Uint8Array): void
  /** Bytes written and not taken by the network yet. */
  buffered(): number
  close(): void
}

/** The live picture of the log, and the pages that watch it. Each frame is encoded once for all of them. */
export class LiveHub {
  readonly #limits: LiveLimits
  readonly #board: LiveBoard
  readonly #ring: FrameRing
  readonly #sinks = new Set<Sink>()
  readonly #throttles = new Map<string, Throttle>()
  #feed: LiveFrames['feed']
  #history: { id: string; spanMs: number; bytes: Uint8Array } | undefined
  /** Grows with each throttle and each fact about an incident. */
  changes = 0
  /** Pages dropped because they did not read fast enough, or could not be written to. */
  dropped = 0
  readonly #onError: (error: unknown) => void

  constructor(boot: string, limits: LiveLimits, nowMs: number, onError: (error: unknown) => void) {
    this.#limits = limits
    this.#onError = onError
    this.#board = new LiveBoard(limits)
    this.#ring = new FrameRing(boot, limits)
    this.#feed = { connected: false, now: nowMs }
  }

  get isFull(): boolean {
    return this.#sinks.size >= this.#limits.maxClients
  }

  get clients(): number {
    return this.#sinks.size
  }

  /** Identities in the penalty box, the longest to go first. */
  throttles(nowMs: number): LiveThrottle[] {
    return [...this.#throttles]
      .filter(([, throttle]) => throttle.until > nowMs)
      .map(([identity, throttle]) => ({ identity, throttle }))
      .sort((a, b) => b.throttle.until - a.throttle.until || (a.identity < b.identity ? -1 : 1))
  }

  throttleOf(identity: string, nowMs: number): Throttle | undefined {
    const throttle = this.#throttles.get(identity)
    return throttle && throttle.until > nowMs ? throttle : undefined
  }

  /** The log will be read again from there: see {@link LiveBoard.rewind}. */
  rewind(fromMs: number): void {
    this.#board.rewind(fromMs)
  }

  /** Folds an event of the log. */
  event(event: FluxgateEvent, storedAtMs: number): void {
    this.#board.fold(event, storedAtMs)
    if (!event.type.startsWith('fluxgate.incidents.')) return
    this.changes++
    const fact = event.type.slice('fluxgate.incidents.'.length)
    this.#publish('incident', { id: event.subject, fact, at: Date.parse(event.time) }, storedAtMs)
  }

  /** A change of the penalty box; undefined means that the identity is free. */
  throttle(identity: string, throttle: Throttle | undefined, nowMs: number): void {
    if (throttle) this.#throttles.set(identity, throttle)
    else this.#throttles.delete(identity)
    this.changes++
    this.#publish('throttle', { identity, throttle: throttle ?? null }, nowMs)
  }

  /** Tells the seconds that are over. */
  tick(nowMs: number): void {
    for (const [identity, throttle] of this.#throttles) {
      if (throttle.until < nowMs - this.#limits.maxAgeMs) this.#throttles.delete(identity)
    }
    const ticks = this.#board.advance(nowMs)
    if (ticks.length > 0) this.#publish('tick', { now: nowMs, ticks }, nowMs)
  }

  /** Whether the log can be read just now. */
  feed(connected: boolean, nowMs: number): void {
    if (this.#feed.connected === connected) return
    this.#feed = { connected, now: nowMs }
    this.#publish('feed', this.#feed, nowMs)
  }

  /**
   * Lets a page in; returns how it leaves. A page that was here gets what it missed; when that cannot be told any more,
   * all the history there is; a fresh one gets the last minutes.
   */
  join(sink: Sink, lastId: string | undefined, nowMs: number): () => void {
    sink.write(encodeRetry(this.#limits.retryMs))
    const missed = lastId === undefined ? undefined : this.#ring.after(lastId)
    if (missed) for (const frame of missed) sink.write(frame.bytes)
    else {
      const spanMs = lastId === undefined ? this.#limits.freshMs : this.#limits.historyMs
      sink.write(this.#historyFrame(spanMs, nowMs))
    }
    sink.write(encodeFrame('feed', { ...this.#feed, now: nowMs }))
    this.#sinks.add(sink)
    return () => this.#sinks.delete(sink)
  }

  heartbeat(): void {
    this.#send(HEARTBEAT)
  }

  close(): void {
    for (const sink of this.#sinks) this.#close(sink)
    this.#sinks.clear()
  }

  #publish<Name extends LiveFrameName>(name: Name, data: LiveFrames[Name], nowMs: number): void {
    this.#send(this.#ring.push(name, data, nowMs).bytes)
  }

  #send(bytes: Uint8Array): void {
    for (const sink of this.#sinks) {
      if (this.#takes(sink, bytes)) continue
      this.#sinks.delete(sink)
      this.dropped++
      this.#close(sink)
    }
  }

  /** What a page throws ends that page, and neither its neighbours nor the handling of the log. */
  #takes(sink: Sink, bytes: Uint8Array): boolean {
    try {
      sink.write(bytes)
      return sink.buffered() <= this.#limits.maxClientBytes
    } catch (error) {
      this.#onError(error)
      return false
    }
  }

  #close(sink: Sink): void {
    try {
      sink.close()
    } catch (error) {
      this.#onError(error)
    }
  }

  /** Many pages come back at once after a restart: the frame is made once for them. */
  #historyFrame(spanMs: number, nowMs: number): Uint8Array {
    const id = this.#ring.lastId
    if (this.#history?.id !== id || this.#history.spanMs !== spanMs) {
      const data = {
        now: nowMs,
        ticks: this.#board.since(nowMs - spanMs),
        throttles: this.throttles(nowMs),
      }
      this.#history = { id, spanMs, bytes: encodeFrame('history', data, id) }
    }
    return this.#history.bytes
  }
}
