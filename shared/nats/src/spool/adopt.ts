import { closeSync, openSync, statSync } from 'node:fs'
import { Home, segmentFiles } from './home.ts'
import type { SpoolRecord } from './record.ts'
import { newSegment, readRecords, type Segment } from './segment.ts'
import { readMarks } from './watermark.ts'

const SCAN_BYTES = 4 * 1024 ** 2

/** What a process that is dead has left in its directory. */
export interface Adopted {
  readonly home: Home
  readonly segments: Segment[]
  /** Events that a stream may hold already, though nobody here knows of the acknowledgement. */
  readonly uncertain: Array<{ readonly subject: string; readonly id: string }>
  /** Earliest and latest time at which a stream can have stored those, epoch milliseconds by this host's clock. */
  readonly fromMs: number
  readonly untilMs: number
  readonly tornBytes: number
  readonly damagedBytes: number
}

/**
 * Reads a dead process's directory whole: every record goes to `onRecord`, those acknowledged long ago included,
 * because they tell which requests were running.
 */
export function readAdopted(path: string, onRecord: (record: SpoolRecord) => void): Adopted {
  const marks = readMarks(path)
  const home = new Home(path, marks)
  const segments: Segment[] = []
  const uncertain: Adopted['uncertain'] = []
  let fromMs = Number.POSITIVE_INFINITY
  let untilMs = 0
  let tornBytes = 0
  let damagedBytes = 0
  for (const file of segmentFiles(path)) {
    const segment = newSegment(file, home)
    segment.sealed = true
    const before = segments.at(-1)
    if (before) before.next = segment
    segments.push(segment)
    const scan = scanSegment(segment, record => {
      onRecord(record)
      if (record.kind === 'context' || record.position < marks.acknowledged) return
      segment.unacknowledged++
      if (record.position >= marks.sendLimit) return
      uncertain.push({ subject: record.subject, id: record.id })
      fromMs = Math.min(fromMs, record.atMs)
    })
    untilMs = Math.max(untilMs, scan.touchedMs)
    tornBytes += scan.tornBytes
    damagedBytes += scan.damagedBytes
  }
  return { home, segments, uncertain, fromMs, untilMs, tornBytes, damagedBytes }
}

function scanSegment(segment: Segment, onRecord: (record: SpoolRecord) => void) {
  const { size, mtimeMs } = statSync(segment.path)
  const fd = openSync(segment.path, 'r')
  let tornBytes = 0
  let damagedBytes = 0
  try {
    for (let offset = 0; offset < size; ) {
      const read = readRecords(fd, offset, size, SCAN_BYTES)
      for (const record of read.records) onRecord(record)
      offset = read.offset
      tornBytes += read.tornBytes
      damagedBytes += read.damagedBytes
    }
  } finally {
    closeSync(fd)
  }
  segment.bytes = size
  segment.damaged = damagedBytes > 0
  return { tornBytes, damagedBytes, touchedMs: mtimeMs }
}
