import type { LogEvent } from '@fluxgate/contracts'
import type { Slice } from '../tables/index.ts'

export interface Batch {
  readonly stream: string
  readonly events: readonly LogEvent[]
  readonly lastSequence: number
  readonly lastStoredAtMs: number
  /** Messages behind this batch in the stream. */
  readonly pending: number
}

export interface IntakeLimits {
  /** Events held before readers wait; each may add one batch more. */
  readonly bufferEvents: number
  /** Events of one take, at the most. */
  readonly batchEvents: number
  /** How long a take waits for a full batch while there is more to read. */
  readonly lingerMs: number
}

/**
 * Where the readers of the streams meet the one writer. Readers wait when the buffer is full; the writer takes the
 * oldest batches of all streams together, so that the events of one request mostly meet in one transaction.
 */
export class Intake {
  readonly #limits: IntakeLimits
  readonly #queues = new Map<string, Batch[]>()
  readonly #positions = new Map<string, number>()
  /** Streams that held more behind the last batch. */
  readonly #behind = new Set<string>()
  #buffered = 0
  #room: Array<() => void> = []
  #wake: (() => void) | undefined
  #closed = false

  constructor(limits: IntakeLimits) {
    this.#limits = limits
  }

  /** Forgets a stream's batches; the next one comes after this position. */
  begin(stream: string, position: number): void {
    for (const batch of this.#queues.get(stream) ?? []) this.#buffered -= batch.events.length
    this.#queues.set(stream, [])
    this.#positions.set(stream, position)
    this.#behind.delete(stream)
    this.#letIn()
  }

  /** Resolves when there is room for the next batch. */
  async offer(batch: Batch): Promise<void> {
    this.#queues.get(batch.stream)?.push(batch)
    this.#buffered += batch.events.length
    if (batch.pending > 0) this.#behind.add(batch.stream)
    else this.#behind.delete(batch.stream)
    this.#wake?.()
    if (this.#hasRoom()) return
    await new Promise<void>(resolve => this.#room.push(resolve))
  }

  /**
   * The oldest batches, up to `batchEvents` (at least one batch), one slice a stream; empty once closed. While the
   * streams hold more it waits a little for a full batch: few large transactions carry twice what many small ones do.
   */
  async take(): Promise<Slice[]> {
    while (!this.#closed && this.#oldest() === undefined) await this.#change()
    const deadline = performance.now() + this.#limits.lingerMs
    while (!this.#closed && this.#mayGrow() && performance.now() < deadline) await this.#change(deadline)
    return this.#closed ? [] : this.#takeOldest()
  }

  #takeOldest(): Slice[] {
    const taken = new Map<string, Batch[]>()
    let events = 0
    for (let queue = this.#oldest(); queue; queue = this.#oldest()) {
      const batch = queue[0]!
      if (events > 0 && events + batch.events.length > this.#limits.batchEvents) break
      queue.shift()
      events += batch.events.length
      const list = taken.get(batch.stream)
      if (list) list.push(batch)
      else taken.set(batch.stream, [batch])
    }
    this.#buffered -= events
    this.#letIn()
    return [...taken.values()].map(batches => this.#slice(batches))
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
    this.#letIn()
  }

  #oldest(): Batch[] | undefined {
    let oldest: Batch[] | undefined
    for (const queue of this.#queues.values()) {
      const head = queue[0]
      if (head && (!oldest || head.lastStoredAtMs < oldest[0]!.lastStoredAtMs)) oldest = queue
    }
    return oldest
  }

  #slice(batches: readonly Batch[]): Slice {
    const last = batches.at(-1)!
    const after = this.#positions.get(last.stream) ?? 0
    this.#positions.set(last.stream, last.lastSequence)
    return {
      stream: last.stream,
      after,
      last: last.lastSequence,
      lastStoredAtMs: last.lastStoredAtMs,
      entries: batches.length === 1 ? last.events : batches.flatMap(batch => batch.events),
    }
  }

  #letIn(): void {
    if (!this.#hasRoom()) return
    for (const resolve of this.#room.splice(0)) resolve()
  }

  #hasRoom(): boolean {
    return this.#closed || this.#buffered < this.#limits.bufferEvents
  }

  #mayGrow(): boolean {
    return this.#behind.size > 0 && this.#hasRoom() && this.#buffered < this.#limits.batchEvents
  }

  /** Resolves at the next offer or close, or at the deadline. */
  async #change(deadlineMs?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.#wake = resolve
      if (deadlineMs !== undefined) timer = setTimeout(resolve, deadlineMs - performance.now())
    })
    clearTimeout(timer)
    this.#wake = undefined
  }
}
