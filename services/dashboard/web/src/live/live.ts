import type { Throttle } from '@fluxgate/contracts'
import type { LiveFrameName, LiveFrames, Tick } from '../../../src/live/answers.ts'
import { createStore, forgetServerTime, syncServerTime } from '../data/index.ts'
import { loadSession } from '../session/index.ts'
import { mergeTicks } from './series.ts'

export type Connection = 'connecting' | 'live' | 'reconnecting'

export interface LiveState {
  readonly connection: Connection
  /** Whether the server itself hears the log. */
  readonly feed: boolean
  readonly ticks: readonly Tick[]
  /** Identity → its throttle; those that have run out may still be in. */
  readonly throttles: ReadonlyMap<string, Throttle>
  /** Grows with each throttle and each fact about an incident: who shows what may have changed looks again. */
  readonly changes: number
}

const NOTHING: LiveState = {
  connection: 'connecting',
  feed: false,
  ticks: [],
  throttles: new Map(),
  changes: 0,
}
export const live = createStore<LiveState>(NOTHING)

const RETAINED_MS = 11 * 60_000
/** Frames come every second and heartbeats every 15: after this much silence the connection is taken for dead. */
const SILENCE_MS = 20_000
/** Browsers open six connections to a server without HTTP/2: a tab that nobody sees gives its own back. */
const HIDDEN_MS = 5_000
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 8_000

const FRAMES: { readonly [Name in LiveFrameName]: (state: LiveState, data: LiveFrames[Name]) => LiveState } =
  {
    history: (state, { ticks, throttles }) => ({
      ...state,
      ticks: mergeTicks(state.ticks, ticks, RETAINED_MS),
      throttles: new Map(throttles.map(({ identity, throttle }) => [identity, throttle])),
      changes: state.changes + 1,
    }),
    tick: (state, { ticks }) => ({ ...state, ticks: mergeTicks(state.ticks, ticks, RETAINED_MS) }),
    throttle: (state, { identity, throttle }) => {
      const throttles = new Map(state.throttles)
      if (throttle) throttles.set(identity, throttle)
      else throttles.delete(identity)
      return { ...state, throttles, changes: state.changes + 1 }
    },
    incident: state => ({ ...state, changes: state.changes + 1 }),
    feed: (state, { connected }) => ({ ...state, feed: connected }),
  }

/**
 * Follows `/api/live` until told to stop. A browser reconnects an EventSource by itself after a lost connection, but
 * not after a refusal or a silence, nor after it was given up because nobody looked: then a new one is opened, which names
 * the last frame it had.
 */
export function followLive(): () => void {
  let source: EventSource | undefined
  let lastId: string | undefined
  let retryMs = RETRY_MIN_MS
  let retry: ReturnType<typeof setTimeout> | undefined
  let silence: ReturnType<typeof setTimeout> | undefined
  let hidden: ReturnType<typeof setTimeout> | undefined
  let isAsleep = false

  function close(): void {
    source?.close()
    clearTimeout(silence)
    clearTimeout(retry)
  }

  function looked(): void {
    clearTimeout(hidden)
    if (document.visibilityState === 'hidden') hidden = setTimeout(sleep, HIDDEN_MS)
    else if (isAsleep) {
      isAsleep = false
      open()
    }
  }

  function sleep(): void {
    isAsleep = true
    close()
    setConnection('connecting')
  }

  function received(): void {
    clearTimeout(silence)
    silence = setTimeout(again, SILENCE_MS)
  }

  function again(): void {
    close()
    setConnection('reconnecting')
    retry = setTimeout(open, retryMs)
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)
  }

  function take<Name extends LiveFrameName>(name: Name, event: MessageEvent<string>): void {
    received()
    if (event.lastEventId !== '') lastId = event.lastEventId
    const data = JSON.parse(event.data) as LiveFrames[Name]
    if ('now' in data) syncServerTime(data.now)
    live.set(FRAMES[name](live.get(), data))
  }

  function open(): void {
    source = new EventSource(
      lastId === undefined ? '/api/live' : `/api/live?after=${encodeURIComponent(lastId)}`,
    )
    for (const name of Object.keys(FRAMES) as LiveFrameName[]) {
      source.addEventListener(name, event => take(name, event))
    }
    source.addEventListener('open', () => {
      retryMs = RETRY_MIN_MS
      forgetServerTime()
      received()
      setConnection('live')
    })
    source.addEventListener('error', () => {
      setConnection('reconnecting')
      if (source?.readyState !== EventSource.CLOSED) return
      // Refused: perhaps the session is over, perhaps the server is on its way up.
      void loadSession()
      again()
    })
    received()
  }

  open()
  looked()
  document.addEventListener('visibilitychange', looked)
  return () => {
    document.removeEventListener('visibilitychange', looked)
    clearTimeout(hidden)
    close()
    live.set(NOTHING)
  }
}

function setConnection(connection: Connection): void {
  const state = live.get()
  if (state.connection !== connection) live.set({ ...state, connection })
}
