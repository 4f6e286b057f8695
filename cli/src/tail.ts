import { type EventFilter, matches, Seen, sourcesOf } from '@fluxgate/forensics'
import type { LiveLog, ShownEvent } from './live-log.ts'

export interface TailLimits {
  readonly maxBufferedEvents: number
  readonly maxSeenIds: number
}

export interface TailOptions {
  readonly filter: EventFilter
  /** Where to begin in the past; absent: now. */
  readonly fromMs: number | undefined
  readonly limits: TailLimits
  /** Told of what cannot be shown. */
  readonly notice: (text: string) => void
}

/**
 * The events of the log as they come, each once, until `signal` ends it. Live ones wait while the past is read: at the
 * beginning, and again after the connection was lost.
 */
export async function* tail(
  log: LiveLog,
  { filter, fromMs, limits, notice }: TailOptions,
  signal: AbortSignal,
): AsyncGenerator<ShownEvent> {
  const sources = sourcesOf(filter)
  const seen = new Seen(limits.maxSeenIds)
  let buffered: ShownEvent[] = []
  let leftOut = 0
  let readFromMs = fromMs
  let wake = () => {}
  using _ = await log.live(sources, {
    event(entry) {
      if (buffered.length < limits.maxBufferedEvents) buffered.push(entry)
      else leftOut++
      wake()
    },
    unreadable: (subject, reason) => notice(`a message on ${subject} cannot be read: ${reason}`),
    gap(sinceMs) {
      readFromMs = Math.min(readFromMs ?? sinceMs, sinceMs)
      wake()
    },
  })
  signal.addEventListener('abort', () => wake())

  while (!signal.aborted) {
    if (readFromMs !== undefined) {
      const from = readFromMs
      readFromMs = undefined
      for await (const entries of log.history(sources, from, signal)) {
        for (const entry of entries) {
          if (matches(filter, entry.event) && seen.isNew(entry.event.id)) yield entry
        }
      }
    }
    const batch = buffered
    buffered = []
    for (const entry of batch) {
      if (matches(filter, entry.event) && seen.isNew(entry.event.id)) yield entry
    }
    if (leftOut > 0) notice(`${leftOut} events left out: they came faster than they could be shown`)
    leftOut = 0
    if (buffered.length > 0 || readFromMs !== undefined || signal.aborted) continue
    await new Promise<void>(resolve => {
      wake = resolve
    })
  }
}
