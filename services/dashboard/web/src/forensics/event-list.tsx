// biome-ignore-all lint/a11y/useSemanticElements: a table cannot draw a few rows of many
// biome-ignore-all lint/a11y/useFocusableInteractive: the focus moves from row to row, not into cells
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { EventRow } from '../../../src/forensics/answers.ts'
import { useStore } from '../data/index.ts'
import { positionText, Time } from '../format/index.ts'
import { toneOf } from './event-tones.ts'
import type { Feed, FeedState } from './feed.ts'

const ROW_PX = 36
const CARD_PX = 80
/** Rows drawn above and below what can be seen. */
const AROUND = 8
/** The next page is asked for when the end is this near, in rows. */
const NEAR = 200

/**
 * The rows that can be seen out of however many there are. The one that has the keyboard is drawn wherever it stands, so
 * that the focus is never lost.
 */
export function EventList(props: { feed: Feed; here: string | undefined; onOpen: (row: EventRow) => void }) {
  const { feed, here, onOpen } = props
  const { rows } = feed
  const state = useStore(feed.state, it => it)
  const box = useRef<HTMLDivElement>(null)
  const rowPx = useRowHeight()
  const [view, look] = useView(box, rowPx)
  const [active, setActive, go] = useActiveRow(box, rows, rowPx, look)
  useKeptPlace(box, state.before, rowPx, setActive)
  useLoading(feed, state, view, () => go(rows.length - 1))
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, view.count - 2)
    const row = rows[active]
    if (event.key === 'ArrowDown') go(active + 1)
    else if (event.key === 'ArrowUp') go(active - 1)
    else if (event.key === 'PageDown') go(active + page)
    else if (event.key === 'PageUp') go(active - page)
    else if (event.key === 'Home') go(0)
    else if (event.key === 'End') {
      go(rows.length - 1)
      feed.toEnd()
    } else if (event.key === 'Enter' && row) onOpen(row)
    else return
    event.preventDefault()
  }

  const first = Math.max(0, view.first - AROUND)
  const last = Math.min(rows.length, view.first + view.count + AROUND)
  const shown = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i)
  if (active < rows.length && (active < first || active >= last)) shown.push(active)
  return (
    <div
      role="grid"
      class="event-grid"
      aria-label="Events"
      aria-rowcount={state.isWhole ? rows.length + 1 : -1}
      data-testid="event-grid"
    >
      <div role="row" class="event-row event-head" aria-rowindex={1}>
        {['Stored', 'Event', 'Identity', 'Details', 'Position'].map(name => (
          <span role="columnheader" key={name}>
            {name}
          </span>
        ))}
      </div>
      <div ref={box} role="rowgroup" class="event-box" data-testid="event-box" onScroll={look}>
        <div role="presentation" class="event-room" style={{ height: `${rows.length * rowPx}px` }}>
          {shown.map(index => {
            const row = rows[index]!
            return (
              <Row
                key={positionText(row)}
                row={row}
                index={index}
                rowPx={rowPx}
                isActive={index === active}
                isHere={positionText(row) === here}
                onKeyDown={onKeyDown}
                onFocus={() => setActive(index)}
                onOpen={() => onOpen(row)}
              />
            )
          })}
        </div>
      </div>
    </div>
  )
}

type BoxRef = RefObject<HTMLDivElement | null>

interface View {
  readonly first: number
  readonly count: number
}

/** What the box shows of the rows, and how to look again. */
function useView(box: BoxRef, rowPx: number): [View, () => void] {
  const [view, setView] = useState<View>({ first: 0, count: 20 })
  const look = () => {
    const { scrollTop, clientHeight } = box.current!
    const first = Math.floor(scrollTop / rowPx)
    const count = Math.ceil(clientHeight / rowPx) + 1
    setView(now => (now.first === first && now.count === count ? now : { first, count }))
  }
  useLayoutEffect(() => {
    look()
    const resize = new ResizeObserver(look)
    resize.observe(box.current!)
    return () => resize.disconnect()
  }, [rowPx])
  return [view, look]
}

/** The row that has the keyboard, and how to move it: the box scrolls along. */
function useActiveRow(box: BoxRef, rows: readonly EventRow[], rowPx: number, look: () => void) {
  const [active, setActive] = useState(0)
  const wantsFocus = useRef(false)
  useLayoutEffect(() => {
    if (!wantsFocus.current) return
    wantsFocus.current = false
    box.current?.querySelector<HTMLElement>(`[data-index="${active}"]`)?.focus({ preventScroll: true })
  })
  const go = (to: number) => {
    const index = Math.max(0, Math.min(rows.length - 1, to))
    wantsFocus.current = true
    setActive(index)
    const element = box.current!
    const top = index * rowPx
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + rowPx > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowPx - element.clientHeight
    }
    look()
  }
  return [active, setActive, go] as const
}

/** New rows come in above: what is being read stays where it is, and so does the focus. */
function useKeptPlace(box: BoxRef, before: number, rowPx: number, setActive: StateUpdater): void {
  const last = useRef(before)
  useLayoutEffect(() => {
    const added = before - last.current
    last.current = before
    if (added === 0) return
    setActive(at => at + added)
    if (box.current!.scrollTop > 0) box.current!.scrollTop += added * rowPx
  }, [before])
}

type StateUpdater = (change: (at: number) => number) => void

/** Asks for the next page near the end of the rows; goes to the last row when the end was asked for and is there. */
function useLoading(feed: Feed, state: FeedState, view: View, goToEnd: () => void): void {
  useEffect(() => {
    if (view.first + view.count + NEAR > feed.rows.length) feed.more()
  }, [view, state.version, state.isLoading])
  const wasToEnd = useRef(false)
  useEffect(() => {
    if (wasToEnd.current && !state.toEnd && state.isWhole) goToEnd()
    wasToEnd.current = state.toEnd
  }, [state.toEnd])
}

function Row(props: {
  row: EventRow
  index: number
  rowPx: number
  isActive: boolean
  isHere: boolean
  onKeyDown: (event: KeyboardEvent) => void
  onFocus: () => void
  onOpen: () => void
}) {
  const { row, index, rowPx, isActive, isHere } = props
  return (
    <div
      role="row"
      class="event-row"
      data-index={index}
      data-testid="event-row"
      aria-rowindex={index + 2}
      aria-selected={isHere}
      tabIndex={isActive ? 0 : -1}
      style={{ transform: `translateY(${index * rowPx}px)` }}
      onKeyDown={props.onKeyDown}
      onFocus={props.onFocus}
      onClick={props.onOpen}
    >
      <span role="gridcell" class="event-time">
        <Time at={row.at} />
      </span>
      <span role="gridcell" class={`event-fact ${row.readable ? toneOf(row.fact) : 'bad'}`}>
        {row.fact}
      </span>
      <span role="gridcell" class="event-who" title={row.identity ?? ''}>
        {row.identity ?? row.incident ?? '–'}
      </span>
      <span role="gridcell" class="event-note" title={row.note}>
        {row.readable ? row.note : `unreadable: ${row.note}`}
      </span>
      <span role="gridcell" class="event-place num">
        {positionText(row)}
      </span>
    </div>
  )
}

function useRowHeight(): number {
  const [isNarrow, setNarrow] = useState(() => matchMedia('(max-width: 640px)').matches)
  useEffect(() => {
    const query = matchMedia('(max-width: 640px)')
    const listener = () => setNarrow(query.matches)
    query.addEventListener('change', listener)
    return () => query.removeEventListener('change', listener)
  }, [])
  return isNarrow ? CARD_PX : ROW_PX
}
