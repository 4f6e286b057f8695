import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EndsHistory, parseEndsHistory, type StreamEnds } from '@fluxgate/nats'
import type { SegmentHome } from './segment.fs.ts'
import { type Marks, Watermark } from './watermark.fs.ts'

/** Events that may be sent before the marks are written again. */
const SEND_AHEAD = 65_536

/** A directory with segments and their marks. */
export class Home implements SegmentHome, Disposable {
  readonly path: string
  readonly acknowledgedBelow: number
  readonly #watermark: Watermark
  /** By position: what comes from there on stands behind those ends. */
  readonly #ends: EndsHistory
  /** Copies whose event cannot be read: id → position of the copy that counts. */
  readonly lonelyCopies = new Map<string, number>()
  oldest = Number.POSITIVE_INFINITY

  constructor(path: string, isSynced: boolean, marks?: Marks) {
    this.path = path
    this.#watermark = new Watermark(path, isSynced, marks)
    this.#ends = readEnds(path)
    this.acknowledgedBelow = this.#watermark.marks.acknowledged
  }

  get sendLimit(): number {
    return this.#watermark.marks.sendLimit
  }

  /** The limit on disk stays ahead of what was ever sent. */
  sending(position: number): void {
    const { acknowledged } = this.#watermark.marks
    this.#watermark.write({ acknowledged, sendLimit: position + SEND_AHEAD })
  }

  acknowledged(below: number): void {
    const { marks } = this.#watermark
    if (below > marks.acknowledged) {
      this.#watermark.write({ acknowledged: below, sendLimit: marks.sendLimit })
    }
  }

  /** Where the streams ended before the event of this position was sent, as far as that is known. */
  endsBefore(position: number): StreamEnds | undefined {
    return this.#ends.before(position)
  }

  /** Events from this position on are sent only now that the streams have these ends. */
  recordEnds(position: number, ends: StreamEnds): void {
    this.#ends.forgetBefore(this.#watermark.marks.acknowledged)
    if (!this.#ends.add(position, ends)) return
    const path = join(this.path, ENDS)
    writeFileSync(`${path}.new`, JSON.stringify(this.#ends.entries), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  [Symbol.dispose](): void {
    this.#watermark[Symbol.dispose]()
  }
}

const ENDS = 'ends'
const MAX_ENDS_BYTES = 256 * 1024

/** Without the file, or when it is damaged, streams are read from their beginning. */
function readEnds(directory: string): EndsHistory {
  const path = join(directory, ENDS)
  try {
    if (statSync(path).size > MAX_ENDS_BYTES) return new EndsHistory()
    const parsed = parseEndsHistory(readFileSync(path))
    return new EndsHistory(parsed.ok ? parsed.value : [])
  } catch {
    return new EndsHistory()
  }
}

export const SEGMENT_SUFFIX = '.segment'

export function segmentFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter(name => name.endsWith(SEGMENT_SUFFIX))
    .sort()
    .map(name => join(directory, name))
}
