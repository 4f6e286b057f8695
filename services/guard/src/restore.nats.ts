import type { FoldedUpTo, GuardProgress } from '@fluxgate/contracts'
import { eventFilter, IncidentOpened, STREAMS } from '@fluxgate/contracts'
import { memoryMs, RULE_STREAMS, statusMemoryMs } from '@fluxgate/guard-core'
import { type EventBatch, messageAt, type NatsLink, replay } from '@fluxgate/nats'
import type { Folds, Policies } from './folds.ts'

/** Called when a stream has dropped events behind the stored position, which no rule will count. */
export type OnMissed = (stream: string, events: number) => void

/** Where to go on. */
export interface Restored {
  readonly positions: GuardProgress
  readonly throttlesHead: number
  /** By stream: the last message that is not there any more. */
  readonly dropped: Readonly<Record<string, number>>
}

/**
 * Reads back what the memory needs and decides nothing: incidents and pardons that still count, and of each stream the
 * window up to its stored position. In a stream without one the guard begins at the end.
 */
export async function restore(
  link: NatsLink,
  folds: Folds,
  stored: GuardProgress | undefined,
  policies: Policies,
  nowMs: number,
  signal: AbortSignal,
  onMissed: OnMissed,
): Promise<Restored> {
  // It was made a dead letter when it was first read; a start must not fail because of it.
  const remember = (entry: EventBatch['events'][number]): void => {
    try {
      folds.remember(entry, policies)
    } catch (error) {
      const { stream, sequence } = entry
      link.log.error({ err: error, stream, sequence }, 'an event cannot be remembered and is skipped')
    }
  }
  const positions: Record<string, FoldedUpTo> = {}
  const dropped: Record<string, number> = {}
  for (const stream of RULE_STREAMS) {
    const { state } = await link.manager.streams.info(stream)
    dropped[stream] = Math.min(state.first_seq - 1, state.last_seq)
    positions[stream] = await beginning(link, stream, stored?.[stream], { state, nowMs, signal, onMissed })
  }
  const present = policies.shadow ? [policies.live, policies.shadow] : [policies.live]
  const windowMs = (stream: string) => Math.max(...present.map(policy => memoryMs(policy, stream)))

  const oldestMs = Math.min(...Object.values(positions).map(({ storedAtMs }) => storedAtMs))
  const longestMs = Math.max(...RULE_STREAMS.map(windowMs))
  const from = { timeMs: oldestMs - longestMs - Math.max(...present.map(statusMemoryMs)) }
  const opened = { stream: STREAMS.incidents, filter: eventFilter(IncidentOpened), from, signal }
  for await (const entry of factsOf(replay(link, opened))) remember(entry)
  const throttlesHead = (await link.manager.streams.info(STREAMS.throttles)).state.last_seq
  for await (const entry of factsOf(replay(link, { stream: STREAMS.throttles, from, signal }))) {
    if (entry.sequence <= throttlesHead) remember(entry)
  }

  await Promise.all(
    RULE_STREAMS.map(async stream => {
      const { sequence, storedAtMs } = positions[stream]!
      const window = { stream, from: { timeMs: storedAtMs - windowMs(stream) }, signal }
      for await (const entry of factsOf(replay(link, window))) {
        if (entry.sequence > sequence) break
        remember(entry)
      }
    }),
  )
  return { positions, throttlesHead, dropped }
}

interface Found {
  readonly state: { readonly first_seq: number; readonly last_seq: number }
  readonly nowMs: number
  readonly signal: AbortSignal
  readonly onMissed: OnMissed
}

/** Without a stored position the guard begins at the end of the stream. */
async function beginning(
  link: NatsLink,
  stream: string,
  stored: FoldedUpTo | undefined,
  { state, nowMs, signal, onMissed }: Found,
): Promise<FoldedUpTo> {
  if (!stored) return { sequence: state.last_seq, storedAtMs: nowMs }
  const missed = Math.min(state.first_seq - 1, state.last_seq) - stored.sequence
  if (await isOfThisStream(link, stream, stored, state.last_seq)) {
    if (missed > 0) onMissed(stream, missed)
    return stored
  }
  const sequence = await lastUntil(link, stream, stored.storedAtMs, state.last_seq, signal)
  link.log.error(
    { stream, position: stored, last: state.last_seq, from: sequence + 1 },
    'the stored position is of another stream of this name: going on with what was stored later',
  )
  return { sequence, storedAtMs: stored.storedAtMs }
}

/** Where a stream was made anew, another and later message has the number of the last one that was folded, or none has it yet. */
async function isOfThisStream(
  link: NatsLink,
  stream: string,
  { sequence, storedAtMs }: FoldedUpTo,
  last: number,
): Promise<boolean> {
  if (sequence === 0 || sequence > last) return sequence === 0
  const atMs = (await messageAt(link, stream, sequence))?.time.getTime()
  return atMs === undefined || atMs <= storedAtMs
}

/** The last message that was stored until then. */
async function lastUntil(
  link: NatsLink,
  stream: string,
  storedAtMs: number,
  last: number,
  signal: AbortSignal,
): Promise<number> {
  const later = { stream, from: { timeMs: storedAtMs + 1 }, maxBatch: 1, signal }
  for await (const { firstSequence } of replay(link, later)) return firstSequence - 1
  return last
}

async function* factsOf(batches: AsyncIterable<EventBatch>): AsyncGenerator<EventBatch['events'][number]> {
  for await (const { events } of batches) yield* events
}
