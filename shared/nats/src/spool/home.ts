import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { SegmentHome } from './segment.ts'
import { type Marks, Watermark } from './watermark.ts'

/** Events that may be sent before the marks are written again. */
const SEND_AHEAD = 65_536

/** A directory with segments and their marks. */
export class Home implements SegmentHome, Disposable {
  readonly path: string
  readonly acknowledgedBelow: number
  readonly #watermark: Watermark
  oldest = Number.POSITIVE_INFINITY

  constructor(path: string, marks?: Marks) {
    this.path = path
    this.#watermark = new Watermark(path, marks)
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

  [Symbol.dispose](): void {
    this.#watermark[Symbol.dispose]()
  }
}

export const SEGMENT_SUFFIX = '.segment'

export function segmentFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter(name => name.endsWith(SEGMENT_SUFFIX))
    .sort()
    .map(name => join(directory, name))
}
