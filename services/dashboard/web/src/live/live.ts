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

/** Follows `/api/live` until the returned function is called. */
export function followLive(): () => void {
  const connection = new LiveConnection()
  return () => connection.end()
}

/**
 * A browser reconnects an EventSource by itself after a lost connection, but not after a refusal or a silence, nor after
 * it was given up because the page is hidden: then a new one is opened, which names the last frame it had.
 */
class LiveConnection {
  #source: EventSource | undefined
  #lastId: string | undefined
  #retryMs = RETRY_MIN_MS
  #retry: ReturnType<typeof setTimeout> | undefined
  #silence: ReturnType<typeof setTimeout> | undefined
  #hidden: ReturnType<typeof setTimeout> | undefined
  #isAsleep = false

  constructor() {
    this.#open()
    this.#onVisibility()
    document.addEventListener('visibilitychange', this.#onVisibility)
  }

  end(): void {
    document.removeEventListener('visibilitychange', this.#onVisibility)
    clearTimeout(this.#hidden)
    this.#close()
    live.set(NOTHING)
  }

  #open(): void {
    const after = this.#lastId === undefined ? '' : `?after=${encodeURIComponent(this.#lastId)}`
    const source = new EventSource(`/api/live${after}`)
    this.#source = source
    for (const name of Object.keys(FRAMES) as LiveFrameName[]) {
      source.addEventListener(name, event => this.#take(name, event))
    }
    source.addEventListener('open', () => {
      this.#retryMs = RETRY_MIN_MS
      forgetServerTime()
      this.#expectMore()
      setConnection('live')
    })
    source.addEventListener('error', () => {
      setConnection('reconnecting')
      if (source.readyState !== EventSource.CLOSED) return
      // Refused: perhaps the session is over, perhaps the server is on its way up.
      void loadSession()
      this.#openLater()
    })
    this.#expectMore()
  }

  #close(): void {
    this.#source?.close()
    clearTimeout(this.#silence)
    clearTimeout(this.#retry)
  }

  #openLater(): void {
    this.#close()
    setConnection('reconnecting')
    this.#retry = setTimeout(() => this.#open(), this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
  }

  #expectMore(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#openLater(), SILENCE_MS)
  }

  #take<Name extends LiveFrameName>(name: Name, event: MessageEvent<string>): void {
    this.#expectMore()
    if (event.lastEventId !== '') this.#lastId = event.lastEventId
    const data = JSON.parse(event.data) as LiveFrames[Name]
    if ('now' in data) syncServerTime(data.now)
    live.set(FRAMES[name](live.get(), data))
  }

  readonly #onVisibility = (): void => {
    clearTimeout(this.#hidden)
    if (document.visibilityState === 'hidden') {
      this.#hidden = setTimeout(() => this.#sleep(), HIDDEN_MS)
    } else if (this.#isAsleep) {
      this.#isAsleep = false
      this.#open()
    }
  }

  #sleep(): void {
    this.#isAsleep = true
    this.#close()
    setConnection('connecting')
  }
}

function setConnection(connection: Connection): void {
  const state = live.get()
  if (state.connection !== connection) live.set({ ...state, connection })
}
