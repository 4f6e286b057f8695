import { AckPolicy, type ConsumerConfig, DeliverPolicy, nanos, ReplayPolicy } from 'nats'
import type { NatsLink } from './link.ts'
import { PullReader, type StoredMessage } from './pull.ts'
import { Selection } from './selection.ts'

/** Where to begin in a stream. `latest` is the last message of each subject. */
export type Position = { sequence: number } | { timeMs: number } | 'first' | 'new' | 'latest'

export interface ReadOptions {
  readonly stream: string
  /** A filter of subjects; events of batches are taken by what their own subject would be, see {@link Selection}. */
  readonly filter?: string
  readonly from: Position
  /** Leaves the payloads out: for a look at ids and times. */
  readonly headersOnly?: boolean
  /** Messages handed over at once, at the most. */
  readonly maxBatch?: number
  /** Messages fetched ahead of the caller, at the most. */
  readonly maxBuffered?: number
  readonly signal?: AbortSignal
  /** Called with the number of messages to come each time a consumer starts; nothing is read before it has ended well. */
  readonly onStart?: (pending: number) => void | Promise<void>
  /** With it, a stream that was made anew meanwhile is read from its first message, after this was called. */
  readonly onAnew?: () => void | Promise<void>
}

export const DEFAULT_MAX_BATCH = 1_000
const DEFAULT_MAX_BUFFERED = 8_000
const INACTIVE_MS = 30_000
const RETRY_MS = 200

/**
 * Reads a stream in order and without end, surviving reconnects, lost deliveries and a lost consumer: each message
 * after `from` comes exactly once. More is asked for only as the caller takes the batches, so memory is bounded.
 * Batches come whole. A short-lived consumer without acknowledgements does the reading; a gap in its deliveries starts a new one.
 */
export async function* readStored(link: NatsLink, options: ReadOptions): AsyncGenerator<StoredMessage[]> {
  const signal = options.signal ?? new AbortController().signal
  const maxBatch = options.maxBatch ?? DEFAULT_MAX_BATCH
  const filters = options.filter === undefined ? [] : new Selection(link, options.filter).filters
  let position = options.from
  let created: string | undefined
  while (!signal.aborted) {
    let reader: PullReader | undefined
    const close = () => reader?.close()
    signal.addEventListener('abort', close)
    try {
      const consumer = await unlessAborted(
        link.manager.consumers.add(options.stream, consumerConfig(options, filters, position)),
        signal,
      )
      if (options.onAnew) {
        // Asked after the consumer was made: it cannot belong to a later stream.
        const found = String((await unlessAborted(link.manager.streams.info(options.stream), signal)).created)
        if (created !== undefined && found !== created) {
          link.log.warn(
            { stream: options.stream, created: found, before: created },
            'the stream was made anew',
          )
          await options.onAnew()
          created = found
          position = 'first'
          continue
        }
        created = found
      }
      await options.onStart?.(consumer.num_pending)
      if (signal.aborted) return
      reader = new PullReader(link, options.stream, consumer.name, {
        maxBuffered: options.maxBuffered ?? DEFAULT_MAX_BUFFERED,
      })
      let expected = 1
      for (let batch = await reader.next(maxBatch); batch; batch = await reader.next(maxBatch)) {
        const whole = contiguous(batch, expected)
        expected += whole.length
        if (whole.length > 0) {
          position = { sequence: whole[whole.length - 1]!.sequence + 1 }
          yield whole
          if (signal.aborted) return
        }
        if (whole.length < batch.length) break
      }
    } catch (error) {
      if (!signal.aborted)
        link.log.warn({ stream: options.stream, err: error }, 'reading again after a fault')
    } finally {
      reader?.close()
      signal.removeEventListener('abort', close)
    }
    await pause(RETRY_MS, signal)
  }
}

/** The messages up to the first gap in the consumer's deliveries. */
function contiguous(batch: StoredMessage[], expected: number): StoredMessage[] {
  const gap = batch.findIndex((message, i) => message.delivery !== expected + i)
  return gap === -1 ? batch : batch.slice(0, gap)
}

function consumerConfig(
  options: ReadOptions,
  filters: readonly string[],
  position: Position,
): Partial<ConsumerConfig> {
  return {
    ack_policy: AckPolicy.None,
    replay_policy: ReplayPolicy.Instant,
    inactive_threshold: nanos(INACTIVE_MS),
    mem_storage: true,
    num_replicas: 1,
    ...filtersOf(filters),
    ...(options.headersOnly ? { headers_only: true } : {}),
    ...startAt(position),
  }
}

/** nats-server 2.9 takes no more than one. */
function filtersOf(filters: readonly string[]): Partial<ConsumerConfig> {
  if (filters.length === 0) return {}
  return filters.length === 1 ? { filter_subject: filters[0]! } : { filter_subjects: [...filters] }
}

function startAt(position: Position): Partial<ConsumerConfig> {
  if (position === 'first') return { deliver_policy: DeliverPolicy.All }
  if (position === 'new') return { deliver_policy: DeliverPolicy.New }
  if (position === 'latest') return { deliver_policy: DeliverPolicy.LastPerSubject }
  if ('sequence' in position) {
    return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, position.sequence) }
  }
  return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(position.timeMs).toISOString() }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}

/** Stops waiting when the signal aborts: a request to a lost server takes seconds to time out. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort))
}
