import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Budget, BudgetCrossed, type EventMaker, type OutgoingEvent, STREAMS } from '@fluxgate/contracts'
import {
  type EventBatch,
  type Following,
  follow,
  handleEach,
  type NatsLink,
  type Position,
} from '@fluxgate/nats'
import type { Log } from '@fluxgate/runtime'
import { type Checkpoint, checkpointOf, readCheckpoint, writeCheckpoint } from './budget-checkpoint.fs.ts'
import type { BudgetLimits } from './budget-limits.ts'
import { type LogState, readLogState } from './budget-log.nats.ts'
import { BudgetTable } from './budget-table.ts'
import { crossingId } from './crossing.ts'
import { faultOf, type Ledger } from './ledger.ts'
import { periodStart } from './period.ts'
import { scopeText } from './scope.ts'
import { newReading, type Reading, SEEN_WINDOW } from './seen-requests.ts'

export interface BudgetTools {
  /** Where the sums are kept between two runs of a node. */
  readonly path: string
  readonly limits: BudgetLimits
  readonly append: (event: OutgoingEvent) => void
  readonly make: EventMaker
  readonly epochMs: () => number
  readonly log: Log
}

/** Messages folded in one turn of the event loop, in which no call is served. */
const MAX_BATCH = 200
/** A node whose clock is ahead tells of a period before the log's clock says that it has begun. */
const CLOCK_SKEW_MS = 600_000
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

interface Reader {
  readonly reading: Reading
  readonly following: Following
  /** The last message that was folded. */
  sequence: number
  isCaughtUp: boolean
}

/**
 * Keeps the budgets' sums current: follows the TOKENS stream while there are budgets, from where the checkpoint of the
 * last run stands, else from the beginning of the longest period. A budget that comes later reads the past by itself.
 */
export class BudgetFollower implements AsyncDisposable {
  readonly table: BudgetTable
  /** Settlements that could not be folded. */
  skipped = 0
  readonly #link: NatsLink
  readonly #tools: BudgetTools
  readonly #stop = new AbortController()
  readonly #timer: NodeJS.Timeout
  #checkpoint: Checkpoint | undefined
  #main: Reader | undefined
  #late: Reader | undefined
  /** Starts and stops of readers, one after the other. */
  #arranging: Promise<void> = Promise.resolve()
  #log: LogState | undefined
  #savedAt = 0
  #saving: Promise<void> | undefined
  #onLoaded: (() => void) | undefined

  constructor(link: NatsLink, checkpoint: Checkpoint | undefined, tools: BudgetTools) {
    this.#link = link
    this.#tools = tools
    this.#checkpoint = checkpoint
    this.table = new BudgetTable(tools.limits)
    this.table.onUnreported = () => this.#report()
    this.#timer = setInterval(() => this.#tidy(), tools.limits.budgetCheckpointMs)
  }

  /** Puts budgets in force at once; sums of new ones come as the log is read. */
  setBudgets(budgets: readonly Budget[]): void {
    this.table.setBudgets(budgets, this.#tools.epochMs())
    this.#arranging = this.#arranging.then(() => this.#arrange())
  }

  get isLoaded(): boolean {
    return this.table.ledgers().every(ledger => ledger.loaded)
  }

  /** What is wrong with the sums, or undefined. */
  get fault(): string | undefined {
    return faultOf(this.table.ledgers())
  }

  /** Waits until the sums are there, at the most so long. @returns whether they are */
  async whenLoaded(limitMs: number): Promise<boolean> {
    if (this.isLoaded) return true
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, limitMs)
    this.#onLoaded = resolve
    await promise
    clearTimeout(timer)
    return this.isLoaded
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort()
    await this.#arranging
    await this.#halt()
    await this.#save()
  }

  #tidy(): void {
    try {
      this.table.forgetOver(this.#tools.epochMs())
      void this.#save()
    } catch (error) {
      this.#tools.log.error({ err: error }, 'the sums of the budgets could not be tidied or saved')
    }
  }

  async #arrange(): Promise<void> {
    for (let wait = RETRY_MIN_MS; !this.#stop.signal.aborted; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      try {
        await this.#startReaders()
        return
      } catch (error) {
        this.#tools.log.warn({ err: error, wait }, 'the log cannot be read for the budgets, again')
        await sleep(wait, undefined, { signal: this.#stop.signal }).catch(() => undefined)
      }
    }
  }

  /** The main reader for those that begin together; one more for those that have to catch up with it. */
  async #startReaders(): Promise<void> {
    if (this.table.ledgers().length === 0) {
      await this.#halt()
      return
    }
    const log = await readLogState(this.#link)
    this.#log = log
    const { main } = this.table
    if (!this.#main) {
      const position = this.#restore(log)
      if (position !== undefined) {
        this.#main = this.#read(main, { sequence: Math.max(1, position - SEEN_WINDOW) }, log)
      } else {
        this.#main = this.#read(main, this.#begin(this.table.ledgers(), main, log), log)
      }
    }
    const waiting = this.table.ledgers().filter(({ reading }) => reading !== main)
    if (waiting.every(({ reading }) => reading !== undefined)) return
    await this.#late?.following[Symbol.asyncDispose]()
    const late = newReading()
    this.#late = this.#read(late, this.#begin(waiting, late, log), log)
  }

  /** @returns where to read from, for ledgers that know nothing yet */
  #begin(ledgers: readonly Ledger[], reading: Reading, log: LogState): Position {
    const nowMs = this.#tools.epochMs()
    let timeMs = nowMs
    for (const ledger of ledgers) {
      const startMs = periodStart(ledger.scope.period, nowMs)
      ledger.reading = reading
      ledger.complete = log.firstSequence <= 1 || log.firstMs <= startMs
      timeMs = Math.min(timeMs, startMs - CLOCK_SKEW_MS)
    }
    return { timeMs }
  }

  /** Gives ledgers what the checkpoint has of them. @returns the earliest of their positions */
  #restore(log: LogState): number | undefined {
    const checkpoint = this.#checkpoint
    this.#checkpoint = undefined
    if (checkpoint?.log !== log.created) return undefined
    this.table.crossings.restore(checkpoint.told)
    const saved = new Map(checkpoint.ledgers.map(ledger => [scopeText(ledger.scope), ledger]))
    let earliest: number | undefined
    for (const ledger of this.table.ledgers()) {
      const found = saved.get(scopeText(ledger.scope))
      // What the log has dropped unread is missing in the sums, and what it has not got yet is of another one.
      if (!found || found.position + 1 < log.firstSequence || found.position > log.lastSequence) continue
      ledger.restore(found.position, found.asOfMs, found.periods)
      ledger.complete = found.complete
      ledger.reading = this.table.main
      earliest = Math.min(earliest ?? found.position, found.position)
    }
    return earliest
  }

  #read(reading: Reading, from: Position, begun: LogState): Reader {
    let log = begun
    const options = {
      stream: STREAMS.tokens,
      name: 'budgets',
      from,
      maxBatch: MAX_BATCH,
      unreadable: 'skip' as const,
      onAnew: async () => {
        log = await readLogState(this.#link)
        this.#log = log
        reader.sequence = 0
        this.table.beginAnew(reading)
      },
      onStart: (pending: number) => {
        if (pending > 0) return
        // What stood in the log when it was asked lies before the beginning.
        reader.sequence = Math.max(reader.sequence, log.lastSequence)
        this.table.reach(reading, log.lastSequence, log.lastMs)
        this.#caughtUp(reader)
      },
    }
    const following = follow(this.#link, options, async batch => {
      this.#fold(reader, batch)
      if (batch.pending === 0 || batch.lastSequence >= log.lastSequence) this.#caughtUp(reader)
    })
    const reader: Reader = { reading, following, sequence: 0, isCaughtUp: false }
    return reader
  }

  #fold(reader: Reader, batch: EventBatch): void {
    const nowMs = this.#tools.epochMs()
    const failures = handleEach(batch.events, ({ event, sequence }) => {
      if (event.type === 'fluxgate.tokens.settled') {
        this.table.fold(reader.reading, event.data, Date.parse(event.time), sequence, nowMs)
      } else if (event.type === 'fluxgate.tokens.budget_crossed')
        this.table.crossings.markReported(event.data)
    })
    for (const { at, error } of failures) this.#skip(reader, at.sequence, error)
    this.table.reach(reader.reading, batch.lastSequence, batch.lastStoredAtMs)
    reader.sequence = batch.lastSequence
  }

  /** The sums go on without it and are lower bounds from then on; the projection makes a dead letter of it. */
  #skip({ reading }: Reader, sequence: number, error: unknown): void {
    this.skipped++
    for (const ledger of this.table.ledgers()) if (ledger.reading === reading) ledger.complete = false
    this.#tools.log.error({ err: error, sequence }, 'a settlement is not in the sums of the budgets')
  }

  #caughtUp(reader: Reader): void {
    reader.isCaughtUp = true
    if (reader !== this.#main) {
      // Messages between the two would be in neither's sums.
      if (!this.#main || reader.sequence < this.#main.sequence) return
      if (reader === this.#late) this.#late = undefined
      void reader.following[Symbol.asyncDispose]()
    }
    this.table.markLoaded(reader.reading)
    if (this.isLoaded) this.#onLoaded?.()
    this.#report()
  }

  /** Not before the log was read to its end: what was told already comes in it. */
  #report(): void {
    if (!this.#main?.isCaughtUp || this.#late) return
    for (const fact of this.table.crossings.takeUnreported()) {
      this.#tools.append(this.#tools.make(BudgetCrossed, fact, { id: crossingId(fact) }))
    }
  }

  async #halt(): Promise<void> {
    const readers = [this.#main, this.#late]
    this.#main = undefined
    this.#late = undefined
    await Promise.all(readers.map(reader => reader?.following[Symbol.asyncDispose]()))
  }

  /** One at a time, and only what differs from the last one. Crossings that nobody was told of must be found again. */
  #save(): Promise<void> {
    const ledgers = this.table.ledgers().filter(({ position }) => position > 0)
    const position = ledgers.reduce((sum, ledger) => sum + ledger.position, 0)
    if (!this.#log || this.#saving || position === this.#savedAt) return this.#saving ?? Promise.resolve()
    if (this.table.crossings.unreported > 0) return Promise.resolve()
    const checkpoint = checkpointOf(this.#log.created, this.table.crossings.told(), ledgers)
    const saving = writeCheckpoint(this.#tools.path, checkpoint)
      .then(() => {
        this.#savedAt = position
      })
      .catch(error => this.#tools.log.warn({ err: error }, 'the sums of the budgets are not saved'))
      .finally(() => {
        this.#saving = undefined
      })
    this.#saving = saving
    return saving
  }
}

/** A checkpoint that cannot be read is passed over: the log has all that was in it. */
export async function openBudgets(link: NatsLink, tools: BudgetTools): Promise<BudgetFollower> {
  await mkdir(dirname(tools.path), { recursive: true })
  const checkpoint = await readCheckpoint(tools.path).catch(error => {
    tools.log.warn({ err: error, path: tools.path }, 'the sums of the budgets are read from the log again')
    return undefined
  })
  return new BudgetFollower(link, checkpoint, tools)
}
