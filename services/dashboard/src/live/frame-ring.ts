import type { LiveLimits } from '../config.ts'
import type { LiveFrameName, LiveFrames } from './answers.ts'

/** One Server-Sent Event, encoded once for all who get it. */
export interface Frame {
  readonly number: number
  readonly atMs: number
  readonly bytes: Uint8Array
}

export type RingLimits = Pick<LiveLimits, 'maxAgeMs' | 'maxFrames'>

const encoder = new TextEncoder()

/**
 * The frames of the last minutes, so that a page that was away gets what it missed. Ids are `<boot>-<number>`: the
 * number of another boot says nothing here.
 */
export class FrameRing {
  readonly #boot: string
  readonly #limits: RingLimits
  #frames: Frame[] = []
  #number = 0

  constructor(boot: string, limits: RingLimits) {
    this.#boot = boot
    this.#limits = limits
  }

  get lastId(): string {
    return `${this.#boot}-${this.#number}`
  }

  push<Name extends LiveFrameName>(name: Name, data: LiveFrames[Name], nowMs: number): Frame {
    const number = ++this.#number
    const frame = { number, atMs: nowMs, bytes: encodeFrame(name, data, this.lastId) }
    this.#frames.push(frame)
    this.#forget(nowMs)
    return frame
  }

  /** What came after the frame of that id; undefined when that cannot be told any more. */
  after(id: string): Frame[] | undefined {
    const match = /^(.+)-(\d+)$/.exec(id)
    if (!match || match[1] !== this.#boot) return undefined
    const number = Number(match[2])
    const first = this.#frames[0]?.number ?? this.#number + 1
    if (number > this.#number || number < first - 1) return undefined
    return this.#frames.slice(number - first + 1)
  }

  #forget(nowMs: number): void {
    const oldest = nowMs - this.#limits.maxAgeMs
    const tooMany = this.#frames.length - this.#limits.maxFrames
    let gone = Math.max(0, tooMany)
    while (gone < this.#frames.length && this.#frames[gone]!.atMs < oldest) gone++
    if (gone > 0) this.#frames = this.#frames.slice(gone)
  }
}

/** HTML Living Standard, section 9.2.6. JSON holds no line break, so one `data` line does. */
export function encodeFrame<Name extends LiveFrameName>(
  name: Name,
  data: LiveFrames[Name],
  id?: string,
): Uint8Array {
  const head = id === undefined ? '' : `id: ${id}\n`
  return encoder.encode(`${head}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
}

/** A comment keeps proxies from closing a quiet connection, and shows a dead one. */
export const HEARTBEAT: Uint8Array = encoder.encode(': alive\n\n')

/** How long a browser waits before it connects again by itself. */
export function encodeRetry(ms: number): Uint8Array {
  return encoder.encode(`retry: ${ms}\n\n`)
}
