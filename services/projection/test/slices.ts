import { type LogEvent, type OutgoingEvent, parseSubject, STREAMS } from '@fluxgate/contracts'
import type { Slice } from '../src/tables/log.ts'

/** Puts events in their streams, with the sequences that JetStream would give them. */
export function streamsOf(log: readonly OutgoingEvent[]): Map<string, LogEvent[]> {
  const streams = new Map<string, LogEvent[]>()
  for (const { subject, event } of log) {
    const stream = STREAMS[parseSubject(subject)!.stream]
    const entries = streams.get(stream) ?? []
    streams.set(stream, entries)
    entries.push({ stream, sequence: entries.length + 1, storedAtMs: Date.parse(event.time), event })
  }
  return streams
}

/** The streams in pieces of random size, mixed at random; each stream in its own order. */
export function randomSlices(
  streams: ReadonlyMap<string, LogEvent[]>,
  maxSize: number,
  random: () => number,
): Slice[] {
  const left = [...streams].map(([stream, entries]) => ({ stream, entries, at: 0 }))
  const slices: Slice[] = []
  while (left.length > 0) {
    const i = Math.floor(random() * left.length)
    const source = left[i]!
    const size = 1 + Math.floor(random() * maxSize)
    slices.push(sliceOf(source.stream, source.entries.slice(source.at, source.at + size)))
    source.at += size
    if (source.at >= source.entries.length) left.splice(i, 1)
  }
  return slices
}

export function sliceOf(stream: string, entries: readonly LogEvent[]): Slice {
  const last = entries.at(-1)!
  return {
    stream,
    after: entries[0]!.sequence - 1,
    last: last.sequence,
    lastStoredAtMs: last.storedAtMs,
    entries,
  }
}
