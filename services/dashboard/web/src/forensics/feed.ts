import type { EventRow, EventRows, TailFrame } from '../../../src/forensics/answers.ts'
import { type ApiError, createStore, eventData, get, type Store } from '../data/index.ts'
import { positionText } from '../format/index.ts'

export interface FeedState {
  /** Grows with each change of the rows, which are one array that changes. */
  readonly version: number
  readonly isLoading: boolean
  /** Loads until the end, because the end was asked for. */
  readonly toEnd: boolean
  /** The end was reached: there is nothing more. */
  readonly isWhole: boolean
  readonly error: ApiError | undefined
  readonly scanned: number
  readonly reachedAt: number | null
  readonly tail: 'off' | 'live' | 'reconnecting'
  /** Live events that came faster than they could be sent. */
  readonly leftOut: number
  /** Rows put before the first one since the list was begun. */
  readonly before: number
}

/** The rows of the explorer, loaded page by page, and prolonged at the top by a tail. */
export interface Feed {
  readonly rows: EventRow[]
  readonly state: Store<FeedState>
  more(): void
  toEnd(): void
  stop(): void
  tail(): () => void
  close(): void
}

const FIRST_PAGE = 300
const PAGE = 1_000
const END_PAGE = 5_000
/** More than this is no list to look through. */
const MAX_ROWS = 200_000
const SILENCE_MS = 35_000
const RETRY_MS = 1_000

const NOTHING: FeedState = {
  version: 0,
  isLoading: false,
  toEnd: false,
  isWhole: false,
  error: undefined,
  scanned: 0,
  reachedAt: null,
  tail: 'off',
  leftOut: 0,
  before: 0,
}

/** @param query of the search, as the server takes it */
export function openFeed(query: string): Feed {
  return new EventFeed(query)
}

class EventFeed implements Feed {
  readonly rows: EventRow[] = []
  readonly state = createStore<FeedState>(NOTHING)
  readonly #query: string
  /** Stream → the last position that is in the list. */
  readonly #newest = new Map<string, number>()
  readonly #abort = new AbortController()
  #next = ''
  #loading: AbortController | undefined

  constructor(query: string) {
    this.#query = query
    void this.#load(FIRST_PAGE)
  }

  more(): void {
    const { isLoading, isWhole, error } = this.state.get()
    if (!isLoading && !isWhole && !error) void this.#load(PAGE)
  }

  toEnd(): void {
    const { isLoading, isWhole } = this.state.get()
    if (!isLoading && !isWhole) void this.#loadToEnd()
  }

  stop(): void {
    this.#loading?.abort()
    const error = { status: 0, code: 'stopped', message: 'Stopped. There may be more events.' }
    this.#change({ isLoading: false, toEnd: false, error })
  }

  tail(): () => void {
    const own = new AbortController()
    void this.#follow(AbortSignal.any([own.signal, this.#abort.signal]))
    return () => {
      own.abort()
      this.#change({ tail: 'off', leftOut: 0 })
    }
  }

  close(): void {
    this.#abort.abort()
  }

  #change(some: Partial<FeedState>): void {
    if (!this.#abort.signal.aborted) this.state.set({ ...this.state.get(), ...some })
  }

  async #loadToEnd(): Promise<void> {
    this.#change({ toEnd: true })
    while (this.state.get().toEnd && (await this.#load(END_PAGE)));
    this.#change({ toEnd: false })
  }

  /** @returns whether there is more */
  async #load(limit: number): Promise<boolean> {
    const own = new AbortController()
    this.#loading = own
    this.#change({ isLoading: true, error: undefined })
    const after = this.#next === '' ? '' : `&after=${this.#next}`
    const signal = AbortSignal.any([own.signal, this.#abort.signal])
    const path = `/api/forensics/events?${this.#query}&limit=${limit}${after}`
    const answer = await get<EventRows>(path, signal)
    if (this.#loading === own) this.#loading = undefined
    if (own.signal.aborted) return false
    if (!answer.ok) {
      this.#change({ isLoading: false, toEnd: false, error: answer.error })
      return false
    }
    return this.#add(answer.value)
  }

  #add({ items, scanned, reachedAt, head, next }: EventRows): boolean {
    if (this.#next === '') for (const [stream, at] of positionsOf(head)) this.#newest.set(stream, at)
    for (const row of items) this.rows.push(row)
    this.#next = next ?? ''
    const isWhole = next === null || this.rows.length >= MAX_ROWS
    const before = this.state.get()
    this.#change({
      version: before.version + 1,
      isLoading: false,
      isWhole,
      scanned: before.scanned + scanned,
      reachedAt,
    })
    return !isWhole
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const take = (frame: RowsFrame) => this.#take(frame)
    while (!signal.aborted) {
      const onOpen = () => this.#change({ tail: 'live' })
      await readTail(this.#query, this.#newest, signal, take, onOpen).catch(() => {})
      if (signal.aborted) break
      this.#change({ tail: 'reconnecting' })
      await new Promise(done => setTimeout(done, RETRY_MS))
    }
  }

  #take({ items, leftOut }: RowsFrame): void {
    const { rows } = this
    const newest = this.#newest
    const fresh = items.filter(({ stream, sequence }) => sequence >= (newest.get(stream) ?? 0))
    for (const { stream, sequence } of fresh) newest.set(stream, Math.max(newest.get(stream) ?? 0, sequence))
    const known = new Set(rows.slice(0, FIRST_PAGE).map(positionText))
    const added = fresh.filter(row => !known.has(positionText(row))).sort((a, b) => b.at - a.at)
    rows.unshift(...added)
    if (rows.length > MAX_ROWS) rows.length = MAX_ROWS
    const state = this.state.get()
    this.#change({
      version: state.version + 1,
      before: state.before + added.length,
      leftOut: state.leftOut + leftOut,
    })
  }
}

type RowsFrame = TailFrame & { kind: 'rows' }

function positionsOf(cursor: string): Array<[string, number]> {
  return cursor.split('_').map(part => {
    const [stream = '', sequence = '0'] = part.split('.')
    return [stream, Number(sequence)]
  })
}

/** Until the server ends it, or is silent for too long. */
async function readTail(
  query: string,
  newest: ReadonlyMap<string, number>,
  signal: AbortSignal,
  take: (frame: RowsFrame) => void,
  onOpen: () => void,
): Promise<void> {
  const since = [...newest].map(([stream, sequence]) => `${stream}.${sequence}`).join('_')
  const silent = new AbortController()
  const either = AbortSignal.any([signal, silent.signal])
  const response = await fetch(`/api/forensics/tail?${query}&since=${since}`, { signal: either })
  if (!response.ok || !response.body) return
  onOpen()
  let silence = setTimeout(() => silent.abort(), SILENCE_MS)
  try {
    for await (const data of eventData(response.body)) {
      clearTimeout(silence)
      silence = setTimeout(() => silent.abort(), SILENCE_MS)
      const frame = JSON.parse(data) as TailFrame
      if (frame.kind === 'rows') take(frame)
    }
  } finally {
    clearTimeout(silence)
  }
}
