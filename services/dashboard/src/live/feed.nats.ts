import { type FluxgateEvent, STREAMS } from '@fluxgate/contracts'
import { eventsOfMessage, type NatsLink, type Position, replay } from '@fluxgate/nats'
import type { Log } from '@fluxgate/runtime'
import { SECOND_MS, secondOf } from './board.ts'
import { type LogListener, type SkippingListener, skippingListener } from './skipping-listener.ts'

export interface FeedLimits {
  readonly historyMs: number
  readonly maxReplayEvents: number
}

const WATCHED = [
  ...[STREAMS.requests, STREAMS.refusals, STREAMS.tokens, STREAMS.throttles, STREAMS.incidents],
] as const
/** A dead connection may be noticed this late: what came meanwhile is read again. */
const UNNOTICED_MS = 60_000
/** Clocks of the servers may differ this much without an event being counted twice. */
const CLOCKS_DIFFER_MS = 5_000
/** Publishers send an event again when its acknowledgement is late; a plain subscription then sees it twice. */
const REMEMBERED_IDS = 50_000
/** A second is told a moment after it is over: what was stored in it is on its way. */
const GRACE_MS = 30
const RETRY_MS = 1_000
/** Of an event in a batch, about. */
const EVENT_BYTES = 400

interface BufferedEvent {
  readonly event: FluxgateEvent
  readonly atMs: number
}

/**
 * The log as it grows: one plain subscription for the whole server, which costs the log nothing. At the start and after
 * each lost connection the streams are read back, so that nothing is missing from the picture.
 */
export class LiveFeed implements AsyncDisposable {
  readonly #link: NatsLink
  readonly #listener: SkippingListener
  readonly #limits: FeedLimits
  readonly #log: Log
  readonly #stop = new AbortController()
  readonly #ids = new RecentIds(REMEMBERED_IDS)
  readonly #cleanups: Array<() => void> = []
  /** Events that came while the log is being read back; undefined while live. */
  #buffered: BufferedEvent[] | undefined = []
  #receivedUntilMs: number
  #catchingUp = Promise.resolve()

  constructor(link: NatsLink, listener: LogListener, limits: FeedLimits, log: Log) {
    this.#link = link
    this.#listener = skippingListener(listener, log)
    this.#limits = limits
    this.#log = log
    this.#receivedUntilMs = Date.now() - limits.historyMs
    for (const stream of WATCHED) this.#subscribe(stream)
    this.#cleanups.push(
      link.onReconnect(() => this.#beginCatchUp()),
      link.onDisconnect(() => this.#onDisconnect()),
      everySecond(nowMs => {
        if (!this.#buffered) this.#listener.tick(nowMs)
      }),
    )
    this.#beginCatchUp()
  }

  /** Events that the picture could not take. */
  get skipped(): number {
    return this.#listener.skipped
  }

  isLive(): boolean {
    return this.#buffered === undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const cleanup of this.#cleanups) cleanup()
    await this.#catchingUp
  }

  #subscribe(stream: string): void {
    const subscription = this.#link.connection.subscribe(`fluxgate.${stream.toLowerCase()}.>`, {
      callback: (error, message) => {
        if (error) return this.#log.error({ err: error, stream }, 'the live log cannot be received')
        const atMs = Date.now()
        for (const parsed of eventsOfMessage(message)) {
          // The projection buries what cannot be read; a viewer only looks past it.
          if (!parsed.ok) continue
          if (this.#buffered) this.#buffered.push({ event: parsed.value, atMs })
          else this.#tell(parsed.value, atMs)
        }
      },
    })
    this.#cleanups.push(() => subscription.unsubscribe())
  }

  #tell(event: FluxgateEvent, atMs: number): void {
    if (this.#ids.add(event.id)) this.#listener.event(event, atMs)
  }

  #onDisconnect(): void {
    if (!this.#buffered) this.#receivedUntilMs = Date.now()
    this.#buffered ??= []
    this.#listener.feed(false, Date.now())
  }

  #beginCatchUp(): void {
    this.#buffered ??= []
    this.#catchingUp = this.#catchingUp.then(() => this.#catchUp())
  }

  async #catchUp(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted && this.#link.isConnected()) {
      try {
        await this.#readBack()
        if (signal.aborted) return
        this.#listener.feed(true, Date.now())
        this.#listener.tick(Date.now())
        return
      } catch (error) {
        this.#log.warn({ err: error }, 'the log cannot be read back yet')
        await new Promise(done => setTimeout(done, RETRY_MS))
      }
    }
  }

  /** All that was stored before now comes from the streams; what comes from now on is held until they are read. */
  async #readBack(): Promise<void> {
    const live: BufferedEvent[] = []
    this.#buffered = live
    await this.#link.connection.flush()
    const nowMs = Date.now()
    const { historyMs, maxReplayEvents } = this.#limits
    const wantedMs = secondOf(Math.max(this.#receivedUntilMs - UNNOTICED_MS, nowMs - historyMs))
    const starts = await Promise.all(
      WATCHED.map(stream => startOf(this.#link, stream, wantedMs, maxReplayEvents)),
    )
    const fromMs = Math.max(...starts.map(start => start.fromMs))
    this.#listener.rewind(fromMs)
    for (const { stream, from } of starts) {
      for await (const { events } of replay(this.#link, { stream, from, signal: this.#stop.signal })) {
        for (const { event, storedAtMs } of events) {
          if (storedAtMs < fromMs) continue
          if (storedAtMs >= nowMs - CLOCKS_DIFFER_MS) this.#ids.add(event.id)
          this.#listener.event(event, storedAtMs)
        }
      }
    }
    for (const { event, atMs } of live) this.#tell(event, atMs)
    this.#buffered = undefined
  }
}

interface Start {
  readonly stream: string
  readonly from: Position
  /** From this whole second on everything is read. */
  readonly fromMs: number
}

/** Where to begin: at that second, or later where the stream holds more events since then than may be read. */
async function startOf(link: NatsLink, stream: string, wantedMs: number, maxEvents: number): Promise<Start> {
  const { state } = await link.manager.streams.info(stream)
  const eventsInMessage = Math.max(1, state.bytes / Math.max(1, state.messages) / EVENT_BYTES)
  const sequence = state.last_seq - Math.floor(maxEvents / eventsInMessage)
  if (sequence > state.first_seq) {
    const message = await link.manager.streams.getMessage(stream, { seq: sequence })
    const storedAtMs = message.time.getTime()
    if (storedAtMs > wantedMs) {
      return { stream, from: { sequence }, fromMs: secondOf(storedAtMs) + SECOND_MS }
    }
  }
  return { stream, from: { timeMs: wantedMs }, fromMs: wantedMs }
}

function everySecond(action: (nowMs: number) => void): () => void {
  let timer: NodeJS.Timeout
  const schedule = () => {
    const untilNextMs = SECOND_MS - (Date.now() % SECOND_MS)
    timer = setTimeout(() => {
      action(Date.now())
      schedule()
    }, untilNextMs + GRACE_MS)
  }
  schedule()
  return () => clearTimeout(timer)
}

/** Remembers the last ids it was given: at least `size`, at most twice as many. */
class RecentIds {
  readonly #size: number
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(size: number) {
    this.#size = size
  }

  /** Returns whether the id is new. */
  add(id: string): boolean {
    if (this.#young.has(id) || this.#old.has(id)) return false
    this.#young.add(id)
    if (this.#young.size >= this.#size) {
      this.#old = this.#young
      this.#young = new Set()
    }
    return true
  }
}
