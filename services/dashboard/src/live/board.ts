import type { FluxgateEvent } from '@fluxgate/contracts'
import type { LiveLimits } from '../config.ts'
import type { Tick } from './answers.ts'

export type BoardLimits = Pick<LiveLimits, 'historyMs' | 'maxActiveMs' | 'maxActive'>

interface Second extends Tick {
  admitted: number
  refused: number
  completed: number
  failed: number
  interrupted: number
  tokens: number
  active: number
  readonly nodes: Record<string, number>
}

export const SECOND_MS = 1_000

/**
 * The fold of the log into seconds. An event counts in the second in which the log stored it, so that a replay of the
 * log fills the same seconds with the same numbers.
 */
export class LiveBoard {
  readonly #limits: BoardLimits
  readonly #seconds = new Map<number, Second>()
  /** Request id → when it was admitted; insertion order is time order. */
  readonly #active = new Map<string, number>()
  /** Seconds that were told before and have changed since. */
  readonly #corrected = new Set<number>()
  /** The log is known from this second on. */
  #from = Number.POSITIVE_INFINITY
  /** The next second to tell. */
  #next = Number.NEGATIVE_INFINITY

  constructor(limits: BoardLimits) {
    this.#limits = limits
  }

  /** The log will be folded from there on, seconds that were folded before included: those are told again. */
  rewind(fromMs: number): void {
    const from = secondOf(fromMs)
    this.#from = Math.min(this.#from, from)
    for (const at of [...this.#seconds.keys()]) {
      if (at < from) continue
      this.#seconds.delete(at)
      if (at < this.#next) this.#corrected.add(at)
    }
  }

  fold(event: FluxgateEvent, storedAtMs: number): void {
    switch (event.type) {
      case 'fluxgate.requests.admitted':
        this.#begin(event.data.request, storedAtMs)
        this.#decided(event.source, storedAtMs).admitted++
        break
      case 'fluxgate.requests.refused':
        this.#decided(event.source, storedAtMs, event.data.count).refused += event.data.count
        break
      case 'fluxgate.requests.completed':
        this.#end(event.data.request, storedAtMs).completed++
        break
      case 'fluxgate.requests.failed':
        this.#end(event.data.request, storedAtMs).failed++
        break
      case 'fluxgate.requests.interrupted':
        this.#end(event.data.request, storedAtMs).interrupted++
        break
      case 'fluxgate.tokens.progressed':
        this.#second(storedAtMs).tokens += event.data.delta
        break
      case 'fluxgate.tokens.settled':
        // What `progressed` has told already was counted when it was told.
        this.#second(storedAtMs).tokens += event.data.total - event.data.progressed
        break
    }
  }

  /** The seconds that are over and not told yet, empty ones included, and those that have changed since they were told. */
  advance(nowMs: number): Tick[] {
    const end = secondOf(nowMs)
    const oldest = end - this.#limits.historyMs
    this.#forget(oldest, nowMs)
    const due = [...this.#corrected].filter(at => at >= oldest).sort((a, b) => a - b)
    this.#corrected.clear()
    const next = Math.max(Math.min(this.#from, end), this.#next, oldest)
    for (let at = next; at < end; at += SECOND_MS) due.push(at)
    this.#next = Math.max(end, next)
    this.#from = Math.max(Math.min(this.#from, next), oldest)
    const ticks = due.map(at => this.#seconds.get(at) ?? this.#quiet(at, end))
    return ticks.map(tick => ({ ...tick, nodes: { ...tick.nodes } }))
  }

  /** The seconds told so far, from the given time on. */
  since(fromMs: number): Tick[] {
    return [...this.#seconds.values()]
      .filter(second => second.at >= fromMs && second.at < this.#next)
      .sort((a, b) => a.at - b.at)
  }

  /** A second in which nothing happened has as many active requests as the one before it. */
  #quiet(at: number, end: number): Second {
    const isLast = at + SECOND_MS === end
    const active = isLast ? this.#active.size : (this.#seconds.get(at - SECOND_MS)?.active ?? 0)
    const second = emptySecond(at, active)
    this.#seconds.set(at, second)
    return second
  }

  #second(atMs: number): Second {
    const at = secondOf(atMs)
    let second = this.#seconds.get(at)
    if (!second) {
      second = emptySecond(at, this.#active.size)
      this.#seconds.set(at, second)
    }
    if (at < this.#next) this.#corrected.add(at)
    return second
  }

  #decided(source: string, atMs: number, count = 1): Second {
    const node = nodeOf(source)
    const second = this.#second(atMs)
    second.nodes[node] = (second.nodes[node] ?? 0) + count
    return second
  }

  #begin(request: string, atMs: number): void {
    this.#active.set(request, atMs)
    if (this.#active.size > this.#limits.maxActive) {
      const oldest = this.#active.keys().next()
      if (!oldest.done) this.#active.delete(oldest.value)
    }
    this.#second(atMs).active = this.#active.size
  }

  #end(request: string, atMs: number): Second {
    this.#active.delete(request)
    const second = this.#second(atMs)
    second.active = this.#active.size
    return second
  }

  #forget(oldest: number, nowMs: number): void {
    for (const at of this.#seconds.keys()) if (at < oldest) this.#seconds.delete(at)
    for (const [request, since] of this.#active) {
      if (since > nowMs - this.#limits.maxActiveMs) break
      this.#active.delete(request)
    }
  }
}

export function secondOf(ms: number): number {
  return Math.floor(ms / SECOND_MS) * SECOND_MS
}

function emptySecond(at: number, active: number): Second {
  const none = { admitted: 0, refused: 0, completed: 0, failed: 0, interrupted: 0, tokens: 0 }
  return { at, ...none, active, nodes: {} }
}

/** `/gateway/<node>/<boot>` */
function nodeOf(source: string): string {
  return source.split('/')[2] ?? source
}
