import { useEffect, useMemo } from 'preact/hooks'
import type { LogPosition } from '../../../src/live/answers.ts'
import { useStore } from '../data/index.ts'
import { count, plural, positionText, Time } from '../format/index.ts'
import { Empty, ErrorMessage, Loading, PageHead } from '../layout/index.ts'
import { navigate, useRoute } from '../router/index.ts'
import { EventDetail } from './event-detail.tsx'
import { EventList } from './event-list.tsx'
import { type Feed, openFeed } from './feed.ts'
import { EVENTS_PATH, Filters, searchText } from './filters.tsx'
import { ForensicsTabs } from './forensics-tabs.tsx'
import { eventPath } from './links.tsx'
import { withQuery } from './span.tsx'

/** The log itself: filtered, paged, followed live, and one event in full beside the list. */
export function Events({ open }: { open: LogPosition | undefined }) {
  const { query } = useRoute()
  const isTailing = query.get('tail') === '1' && query.get('order') !== 'oldest' && !query.has('to')
  const searched = new URLSearchParams(query)
  searched.delete('tail')
  const key = searched.toString()
  const feed = useMemo(() => openFeed(searchText(searched, Date.now())), [key])
  useEffect(() => () => feed.close(), [feed])
  useEffect(() => (isTailing ? feed.tail() : undefined), [feed, isTailing])
  const path = open ? eventPath(open) : EVENTS_PATH
  return (
    <>
      <PageHead title="Events">
        <ForensicsTabs here="/forensics" />
      </PageHead>
      <section class="panel explorer" aria-label="Event explorer">
        <Filters />
        <div class={`explorer-body ${open ? 'has-detail' : ''}`}>
          <div class="explorer-list">
            <Status
              feed={feed}
              isTailing={isTailing}
              onTail={on => navigate(withQuery(path, query, { tail: on ? '1' : undefined }))}
            />
            <List feed={feed} open={open} />
          </div>
          {open && (
            <EventDetail
              key={eventPath(open)}
              place={open}
              onClose={() => navigate(withQuery(EVENTS_PATH, query, {}))}
            />
          )}
        </div>
      </section>
    </>
  )
}

function List({ feed, open }: { feed: Feed; open: LogPosition | undefined }) {
  const { query } = useRoute()
  const { isLoading, isWhole, error, version } = useStore(feed.state, it => it)
  if (feed.rows.length === 0) {
    if (error) return <ErrorMessage error={error} retry={() => retry(feed)} />
    if (isLoading || version === 0) return <Loading rows={10} />
    if (isWhole) return <Empty icon="search">No events match.</Empty>
  }
  return (
    <>
      {error && <ErrorMessage error={error} retry={() => retry(feed)} />}
      <EventList
        feed={feed}
        here={open && positionText(open)}
        onOpen={row => navigate(withQuery(eventPath(row), query, {}))}
      />
    </>
  )
}

function retry(feed: Feed): void {
  feed.state.set({ ...feed.state.get(), error: undefined })
  feed.more()
}

/** How much of the log is in the list, and whether it follows the log. */
function Status(props: { feed: Feed; isTailing: boolean; onTail: (on: boolean) => void }) {
  const { feed, isTailing, onTail } = props
  const { query } = useRoute()
  const { isLoading, isWhole, scanned, reachedAt, tail, leftOut, toEnd } = useStore(feed.state, it => it)
  const canTail = query.get('order') !== 'oldest' && !query.has('to')
  return (
    <div class="explorer-status">
      <span class="num explorer-count" data-testid="event-count">
        {plural(feed.rows.length, 'event')}
        {isWhole ? '' : '+'}
      </span>
      <span class="muted num explorer-reach">
        {isWhole ? (
          'complete'
        ) : (
          <>
            {count(scanned)} scanned
            {reachedAt !== null && (
              <>
                , to <Time at={reachedAt} />
              </>
            )}
          </>
        )}
      </span>
      <span class="explorer-busy">
        {isLoading && (
          <button type="button" class="small" onClick={() => feed.stop()}>
            {toEnd ? 'Loading to the end… Stop' : 'Loading… Stop'}
          </button>
        )}
      </span>
      {leftOut > 0 && <span class="is-warn num">{count(leftOut)} arrived too fast and are not shown</span>}
      <label
        class="chip tail-switch"
        title={canTail ? '' : 'Only with newest first and without an end of the range'}
      >
        <input
          type="checkbox"
          data-testid="tail"
          checked={isTailing}
          disabled={!canTail}
          onChange={event => onTail(event.currentTarget.checked)}
        />
        <span data-state={tail} data-testid="tail-state">
          {tail === 'reconnecting' ? 'Reconnecting…' : tail === 'live' ? 'Following live' : 'Follow live'}
        </span>
      </label>
    </div>
  )
}
