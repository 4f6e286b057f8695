import { STREAMS } from '@fluxgate/contracts'
import { matches, sourcesOf } from '@fluxgate/forensics'
import { type Following, follow, type NatsLink } from '@fluxgate/nats'
import type { EventRow } from './answers.ts'
import { rowOf } from './event-row.ts'
import type { EventSearch } from './questions.ts'

const NAME = 'dashboard-tail'

/**
 * Events as the log stores them from now on, or from after the positions in `since`, with their places: one short-lived reader for each stream that can hold
 * such an event; it takes up again where it was after a lost connection. Resolves when the signal ends it.
 */
export async function tailLog(
  link: NatsLink,
  search: EventSearch,
  since: ReadonlyMap<string, number>,
  signal: AbortSignal,
  onRows: (rows: readonly EventRow[]) => void,
): Promise<void> {
  const ends = await endsOf(link, search)
  const followed: Following[] = sourcesOf(search).map(({ stream, subject }) => {
    const name = STREAMS[stream]
    const options = { stream: name, name: NAME, unreadable: 'skip' as const }
    const from = { sequence: (since.get(name) ?? ends.get(name) ?? 0) + 1 }
    return follow(
      link,
      { ...options, from, ...(subject === undefined ? {} : { filter: subject }) },
      async batch => {
        const rows = batch.events.filter(({ event }) => matches(search, event)).map(rowOf)
        if (rows.length > 0 && !signal.aborted) onRows(rows)
      },
    )
  })
  await new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
  await Promise.all(followed.map(each => each[Symbol.asyncDispose]()))
}

/** A tail begins at positions and not at a time, so that nothing that is stored meanwhile falls between. */
async function endsOf(link: NatsLink, { streams }: EventSearch): Promise<ReadonlyMap<string, number>> {
  const names = streams.map(stream => STREAMS[stream])
  const infos = await Promise.all(names.map(name => link.manager.streams.info(name)))
  return new Map(infos.map(({ state }, i) => [names[i]!, state.last_seq]))
}
