import {
  type DataOf,
  type EventDefinition,
  eventMaker,
  type LogEvent,
  STREAMS,
  streamOf,
} from '@fluxgate/contracts'

/** Midnight of some day: a simulated clock begins here. */
export const START_MS = Date.UTC(2026, 0, 1)

/** Traffic as events of a log, written in any order and read in the order of time. */
export class Script {
  readonly #entries: Array<Omit<LogEvent, 'sequence'>> = []
  #random: number
  #events = 0
  #requests = 0
  readonly #make = eventMaker(
    '/detection/1',
    () => `event-${String(++this.#events).padStart(16, '0')}`,
    () => START_MS,
  )

  constructor(seed = 1) {
    this.#random = seed
  }

  tell<D extends EventDefinition>(atMs: number, definition: D, data: DataOf<D>): void {
    const storedAtMs = START_MS + Math.round(atMs)
    const { event } = this.#make(definition, data, { timeMs: storedAtMs })
    this.#entries.push({
      stream: STREAMS[streamOf(definition, 'user' in data ? String(data.user) : '')],
      storedAtMs,
      event,
    })
  }

  newRequest(): string {
    return `req_${String(++this.#requests).padStart(8, '0')}`
  }

  /** A whole number from 0 up to, not including, `below`; the same ones for the same seed (mulberry32). */
  random(below: number): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }

  entries(): LogEvent[] {
    const sequences = new Map<string, number>()
    return this.#entries
      .toSorted((a, b) => a.storedAtMs - b.storedAtMs)
      .map(entry => {
        const sequence = (sequences.get(entry.stream) ?? 0) + 1
        sequences.set(entry.stream, sequence)
        return { ...entry, sequence }
      })
  }
}
