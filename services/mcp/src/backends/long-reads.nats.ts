import { DAY_MS } from '@fluxgate/contracts'
import { type ProjectedView, type Reading, stateAt, verify, whatIf } from '@fluxgate/forensics'
import type { NatsLink } from '@fluxgate/nats'
import { type Database, settledView } from '@fluxgate/read-model'
import { askNats } from './ask-nats.nats.ts'
import type { LongReads, ReadProgress } from './backends.ts'
import { askPostgres } from './tables.pg.ts'
import { ToolError } from './tool-error.ts'

export interface LongReadLimits {
  readonly maxLongRangeMs: number
  /** Events that one long call may read. */
  readonly maxLongEvents: number
  /** How long the projection stores rows of requests. */
  readonly requestRetentionMs: number
}

/** Rows are deleted by the day: near the limit they may be there or not. */
/** Messages of a stream fetched ahead: a burst of them is taken in one turn, and other calls wait for it. */
const MAX_BUFFERED = 1_000

export function openLongReads(
  link: NatsLink,
  db: Database,
  limits: LongReadLimits,
  nowMs: () => number,
): LongReads {
  const { maxLongRangeMs, maxLongEvents, requestRetentionMs } = limits
  const within = <T>(following: ReadProgress, read: (reading: Reading) => Promise<T>) =>
    askNats(link, () => bounded(following, maxLongEvents, read))
  return {
    maxRangeMs: maxLongRangeMs,
    stateAt: (atMs, following) => within(following, reading => stateAt(link, atMs, reading)),
    whatIf: (policy, range, following) => within(following, reading => whatIf(link, policy, range, reading)),
    async verify(range, silenceMs, following) {
      const projected = await tablesOf(db, nowMs() - requestRetentionMs + DAY_MS)
      const options = { range, projected, limits: { silenceMs }, nowMs: nowMs() }
      return await within(following, reading => verify(link, options, reading))
    },
  }
}

/** Undefined while the tables do not answer: the log can be judged without them. */
async function tablesOf(db: Database, retainedFromMs: number): Promise<ProjectedView | undefined> {
  const view = settledView(db)
  try {
    // What they hold is asked for once, and before the log is read.
    const positions = await askPostgres(view.positions())
    return {
      retainedFromMs,
      positions: async () => positions,
      sums: (from, to) => askPostgres(view.sums(from, to)),
      requests: (identity, from, to) => askPostgres(view.requests(identity, from, to)),
    }
  } catch (error) {
    if (error instanceof ToolError) return undefined
    throw error
  }
}

async function bounded<T>(
  { signal, onProgress }: ReadProgress,
  maxEvents: number,
  read: (reading: Reading) => Promise<T>,
): Promise<T> {
  const full = new AbortController()
  const result = await read({
    signal: AbortSignal.any([signal, full.signal]),
    maxBuffered: MAX_BUFFERED,
    onProgress(done, of) {
      if (done > maxEvents) full.abort()
      onProgress(done, of)
    },
  })
  signal.throwIfAborted()
  if (!full.signal.aborted) return result
  throw new ToolError(
    'FLUXGATE_TOO_MUCH',
    `More than ${maxEvents} events would have to be read for this, which is the limit of one call. ` +
      'Ask for a shorter range; the command line (forensics) has no such limit.',
  )
}
