import type { EventRow, EventRows, TailFrame } from '../../../src/forensics/answers.ts'
import { type ApiError, createStore, eventData, get, type Store } from '../data/index.ts'

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
  readonly stored: number
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

/** @param query of the search, as the server takes it */
export function openFeed(query: string): Feed {
  const rows: EventRow[] = []
  const newest = new Map<string, number>()
  const abort = new AbortController()
  let next = ''
  let loading: AbortController | undefined
  const state = createStore<FeedState>({
    version: 0,
    isLoading: false,
    toEnd: false,
    isWhole: false,
    error: undefined,
    scanned: 0,
    reachedAt: null,
    stored: 0,
    tail: 'off',
    leftOut: 0,
    before: 0,
  })
  const change = (some: Partial<FeedState>) => {
    if (!abort.signal.aborted) state.set({ ...state.get(), ...some })
  }

  async function load(limit: number): Promise<boolean> {
    const own = new AbortController()
    loading = own
    change({ isLoading: true, error: undefined })
    const after = next === '' ? '' : `&after=${next}`
    const signal = AbortSignal.any([own.signal, abort.signal])
    const answer = await get<EventRows>(`/api/forensics/events?${query}&limit=${limit}${after}`, signal)
    if (loading === own) loading = undefined
    if (own.signal.aborted) return false
    if (!answer.ok) {
      change({ isLoading: false, toEnd: false, error: answer.error })
      return false
    }
    const { items, scanned, reachedAt, stored: held, head } = answer.value
    if (next === '') for (const [stream, at] of positionsOf(head)) newest.set(stream, at)
    for (const row of items) rows.push(row)
    next = answer.value.next ?? ''
    const { version, scanned: before } = state.get()
    const isWhole = answer.value.next === null || rows.length >= MAX_ROWS
    change({
      version: version + 1,
      isLoading: false,
      isWhole,
      stored: held,
      scanned: before + scanned,
      reachedAt,
    })
    return !isWhole
  }

  async function loadToEnd(): Promise<void> {
    change({ toEnd: true })
    while (state.get().toEnd && (await load(END_PAGE)));
    change({ toEnd: false })
  }

  async function follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await readTail(query, newest, signal, take, () => change({ tail: 'live' })).catch(() => {})
      if (signal.aborted) break
      change({ tail: 'reconnecting' })
      await new Promise(done => setTimeout(done, RETRY_MS))
    }
  }

  function take({ items, leftOut }: { items: readonly EventRow[]; leftOut: number }): void {
    const fresh = items.filter(({ stream, sequence }) => sequence > (newest.get(stream) ?? 0))
    for (const { stream, sequence } of fresh) newest.set(stream, Math.max(newest.get(stream) ?? 0, sequence))
    const known = new Set(rows.slice(0, FIRST_PAGE).map(positionKey))
    const added = fresh.filter(row => !known.has(positionKey(row))).sort((a, b) => b.at - a.at)
    rows.unshift(...added)
    if (rows.length > MAX_ROWS) rows.length = MAX_ROWS
    const { version, before, leftOut: missed, stored: held } = state.get()
    const counts = { before: before + added.length, held: held + added.length, leftOut: missed + leftOut }
    change({ version: version + 1, ...counts })
  }

  void load(FIRST_PAGE)
  return {
    rows,
    state,
    more() {
      const { isLoading, isWhole, error } = state.get()
      if (!isLoading && !isWhole && !error) void load(PAGE)
    },
    toEnd() {
      const { isLoading, isWhole } = state.get()
      if (!isLoading && !isWhole) void loadToEnd()
    },
    stop() {
      loading?.abort()
      const error = { status: 0, code: 'stopped', message: 'Stopped. There may be more events.' }
      change({ isLoading: false, toEnd: false, error })
    },
    tail() {
      const own = new AbortController()
      void follow(AbortSignal.any([own.signal, abort.signal]))
      return () => {
        own.abort()
        change({ tail: 'off', leftOut: 0 })
      }
    },
    close: () => abort.abort(),
  }
}

export function positionKey({ stream, sequence }: EventRow): string {
  return `${stream}:${sequence}`
}

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
  take: (frame: TailFrame & { kind: 'rows' }) => void,
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
