import { closeSync, constants, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

/** How far a directory's events have gone. */
export interface Marks {
  /** All events below this position are stored. */
  readonly acknowledged: number
  /** No event from this position on has ever been sent. */
  readonly sendLimit: number
}

export const NO_MARKS: Marks = Object.freeze({ acknowledged: 0, sendLimit: Number.POSITIVE_INFINITY })

const FILE = 'watermark'
const BYTES = 20

/**
 * The marks of one directory: 20 bytes that are written over, with their CRC. The limit is written before the events below
 * it are sent, and where commits are synced it is on the disk by then: an older one would call sent events unsent. An older
 * `acknowledged` only makes a restart look up more events than it must, and is not synced.
 */
export class Watermark implements Disposable {
  readonly #fd: number
  readonly #bytes = Buffer.alloc(BYTES)
  readonly #isSynced: boolean
  #marks: Marks

  constructor(directory: string, isSynced: boolean, marks: Marks = { acknowledged: 0, sendLimit: 0 }) {
    this.#isSynced = isSynced
    this.#fd = openSync(join(directory, FILE), constants.O_RDWR | constants.O_CREAT, 0o600)
    this.#marks = marks
    this.write(marks)
  }

  get marks(): Marks {
    return this.#marks
  }

  /** @throws when the disk fails; the room is there already */
  write(marks: Marks): void {
    const isLimitMoved = marks.sendLimit !== this.#marks.sendLimit
    this.#marks = marks
    this.#bytes.writeDoubleLE(marks.acknowledged, 4)
    this.#bytes.writeDoubleLE(marks.sendLimit, 12)
    this.#bytes.writeUInt32LE(crc32(this.#bytes.subarray(4)), 0)
    writeSync(this.#fd, this.#bytes, 0, BYTES, 0)
    if (this.#isSynced && isLimitMoved) fdatasyncSync(this.#fd)
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}

/** The marks that an earlier process left; none when they are missing or damaged. */
export function readMarks(directory: string): Marks {
  let bytes: Buffer
  try {
    bytes = readFileSync(join(directory, FILE))
  } catch {
    return NO_MARKS
  }
  if (bytes.length < BYTES || crc32(bytes.subarray(4, BYTES)) !== bytes.readUInt32LE(0)) return NO_MARKS
  return { acknowledged: bytes.readDoubleLE(4), sendLimit: bytes.readDoubleLE(12) }
}
