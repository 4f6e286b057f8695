import { closeSync, openSync, statSync } from 'node:fs'
import { eventsIn, type StreamEnds } from '@fluxgate/nats'
import { Home, segmentFiles } from './home.fs.ts'
import type { SpoolRecord } from './record.ts'
import { isPublished, newSegment, readRecords, type Segment } from './segment.fs.ts'
import { readMarks } from './watermark.fs.ts'

const SCAN_BYTES = 256 * 1024

/** What a process that is dead has left in its directory. */
export interface Adopted {
  readonly home: Home
  readonly segments: Segment[]
  /** Events that a stream may hold already, though nobody here knows of the acknowledgement. */
  readonly uncertain: Array<Pick<SpoolRecord, 'subject' | 'id' | 'part'>>
  /** What the streams held before the first of those was sent; undefined when that is not known. */
  readonly ends: StreamEnds | undefined
  readonly tornBytes: number
  readonly damagedBytes: number
}

/**
 * Reads a dead process's directory whole: every record goes to `onRecord`, those acknowledged long ago included,
 * because they tell which requests were running. Yields now and then, so that others may have their turn.
 */
export function* readAdopted(
  path: string,
  isSynced: boolean,
  onRecord: (record: SpoolRecord) => void,
): Generator<undefined, Adopted> {
  const marks = readMarks(path)
  const home = new Home(path, isSynced, marks)
  const segments: Segment[] = []
  const uncertain: Adopted['uncertain'] = []
  const copies: Array<{
    readonly record: Pick<SpoolRecord, 'id' | 'subject' | 'part' | 'position'>
    segment: Segment
  }> = []
  let oldest = Number.POSITIVE_INFINITY
  let tornBytes = 0
  let damagedBytes = 0
  for (const file of segmentFiles(path)) {
    const segment = newSegment(file, home)
    segment.sealed = true
    const before = segments.at(-1)
    if (before) before.next = segment
    segments.push(segment)
    const scan = yield* scanSegment(segment, record => {
      onRecord(record)
      const { kind, id, subject, part, position } = record
      if (kind === 'copy') copies.push({ record: { id, subject, part, position }, segment })
      if (!isPublished(record, home)) return
      segment.unacknowledged += eventsIn(record)
      if (position >= marks.sendLimit) return
      uncertain.push({ subject, id, part })
      oldest = Math.min(oldest, position)
    })
    tornBytes += scan.tornBytes
    damagedBytes += scan.damagedBytes
  }
  if (copies.length > 0) {
    const ids = new Set(copies.map(({ record }) => record.id))
    for (const segment of segments) {
      yield* scanSegment(segment, ({ kind, id }) => {
        if (kind === 'event') ids.delete(id)
      })
    }
    for (const { record, segment } of copies) {
      // The first copy of each counts, and nobody knows whether its event was ever sent.
      if (!ids.delete(record.id) || record.position < marks.acknowledged) continue
      home.lonelyCopies.set(record.id, record.position)
      segment.unacknowledged += eventsIn(record)
      uncertain.push({ subject: record.subject, id: record.id, part: record.part })
      oldest = Math.min(oldest, marks.acknowledged)
    }
  }
  return { home, segments, uncertain, ends: home.endsBefore(oldest), tornBytes, damagedBytes }
}

function* scanSegment(segment: Segment, onRecord: (record: SpoolRecord) => void) {
  const { size } = statSync(segment.path)
  const fd = openSync(segment.path, 'r')
  let tornBytes = 0
  let damagedBytes = 0
  try {
    for (let offset = 0; offset < size; ) {
      const read = readRecords(fd, offset, size, SCAN_BYTES)
      for (const record of read.records) onRecord(record)
      offset = read.offset
      yield
      tornBytes += read.tornBytes
      damagedBytes += read.damagedBytes
    }
  } finally {
    closeSync(fd)
  }
  segment.bytes = size
  segment.damaged = damagedBytes > 0
  return { tornBytes, damagedBytes }
}
