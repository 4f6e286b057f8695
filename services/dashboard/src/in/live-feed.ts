import { type FluxgateEvent, parseEvent, STREAMS } from '@fluxgate/contracts'
import { type NatsLink, type Position, replay } from '@fluxgate/nats'
import type { Log } from '@fluxgate/runtime'
import { SECOND_MS, secondOf } from '../core/live-board.ts'
import { RecentIds } from '../core/recent-ids.ts'

/** What is told of the log. */
export interface LogListener {
  /** The log will be told again from there on. */
  rewind(fromMs: number): void
  event(event: FluxgateEvent, storedAtMs: number): void
  /** A second is over. */
  tick(nowMs: number): void
  feed(connected: boolean, nowMs: number): void
}

export interface FeedLimits {
  readonly historyMs: number
  readonly maxReplayEvents: number
}

export interface LiveFeed extends AsyncDisposable {
  isLive(): boolean
}

const WATCHED = [STREAMS.requests, STREAMS.tokens, STREAMS.throttles, STREAMS.incidents] as const
/** A dead connection may be noticed this late: what came meanwhile is read again. */
const UNNOTICED_MS = 60_000
/** Clocks of the servers may differ this much without an event being counted twice. */
const CLOCKS_DIFFER_MS = 5_000
/** Publishers send an event again when its acknowledgement is late; a plain subscription then sees it twice. */
const REMEMBERED_IDS = 50_000
/** A second is told a moment after it is over: what was stored in it is on its way. */
const GRACE_MS = 30
const RETRY_MS = 1_000

/**
 * The log as it grows: one plain subscription for the whole server, which costs the log nothing. At the start and after
 * each lost connection the streams are read back, so that nothing is missing from the picture.
 */
export function startLiveFeed(link: NatsLink, listener: LogListener, limits: FeedLimits, log: Log): LiveFeed {
  const stop = new AbortController()
  const ids = new RecentIds(REMEMBERED_IDS)
  /** Events that came while the log is being read back; undefined while live. */
  let held: Array<{ event: FluxgateEvent; atMs: number }> | undefined = []
  let heardUntilMs = Date.now() - limits.historyMs
  let catchingUp = Promise.resolve()

  const tell = (event: FluxgateEvent, atMs: number) => {
    if (ids.add(event.id)) listener.event(event, atMs)
  }
  const subscriptions = WATCHED.map(stream =>
    link.connection.subscribe(`fluxgate.${stream.toLowerCase()}.>`, {
      callback: (error, message) => {
        if (error) return log.error({ err: error, stream }, 'the live log cannot be received')
        const parsed = parseEvent(message.data)
        // The projection buries what cannot be read; a viewer only looks past it.
        if (!parsed.ok) return
        if (held) held.push({ event: parsed.value, atMs: Date.now() })
        else tell(parsed.value, Date.now())
      },
    }),
  )

  /** All that was stored before now comes from the streams; what comes from now on is held until they are read. */
  async function readBack(): Promise<void> {
    const live: Array<{ event: FluxgateEvent; atMs: number }> = []
    held = live
    await link.connection.flush()
    const nowMs = Date.now()
    const wantedMs = Math.max(heardUntilMs - UNNOTICED_MS, nowMs - limits.historyMs)
    const starts = await Promise.all(
      WATCHED.map(stream => startOf(link, stream, secondOf(wantedMs), limits.maxReplayEvents)),
    )
    const fromMs = Math.max(...starts.map(start => start.fromMs))
    listener.rewind(fromMs)
    for (const { stream, from } of starts) {
      for await (const batch of replay(link, { stream, from, signal: stop.signal })) {
        for (const { event, storedAtMs } of batch.events) {
          if (storedAtMs < fromMs) continue
          if (storedAtMs >= nowMs - CLOCKS_DIFFER_MS) ids.add(event.id)
          listener.event(event, storedAtMs)
        }
      }
    }
    for (const { event, atMs } of live) tell(event, atMs)
    held = undefined
  }

  async function catchUp(): Promise<void> {
    while (!stop.signal.aborted && link.isConnected()) {
      try {
        await readBack()
        if (stop.signal.aborted) return
        listener.feed(true, Date.now())
        listener.tick(Date.now())
        return
      } catch (error) {
        log.warn({ err: error }, 'the log cannot be read back yet')
        await new Promise(done => setTimeout(done, RETRY_MS))
      }
    }
  }

  const beginCatchUp = () => {
    held ??= []
    catchingUp = catchingUp.then(catchUp)
  }
  const offReconnect = link.onReconnect(beginCatchUp)
  const offDisconnect = link.onDisconnect(() => {
    if (!held) heardUntilMs = Date.now()
    held ??= []
    listener.feed(false, Date.now())
  })
  const stopTicking = everySecond(nowMs => {
    if (!held) listener.tick(nowMs)
  })
  beginCatchUp()

  return {
    isLive: () => held === undefined,
    async [Symbol.asyncDispose]() {
      stop.abort()
      stopTicking()
      offReconnect()
      offDisconnect()
      for (const subscription of subscriptions) subscription.unsubscribe()
      await catchingUp
    },
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
  const sequence = state.last_seq - maxEvents
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
