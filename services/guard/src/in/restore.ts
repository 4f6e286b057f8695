import { factFilter, IncidentOpened, STREAMS } from '@fluxgate/contracts'
import type { Position, Positions } from '@fluxgate/guard-core'
import { memoryMs, RULE_STREAMS, standingMs } from '@fluxgate/guard-core'
import { type EventBatch, type NatsLink, replay } from '@fluxgate/nats'
import type { Folds, Policies } from '../core/folds.ts'

/** Called when a stream has dropped events behind the stored position, which no rule will count. */
export type OnMissed = (stream: string, events: number) => void

/** Where to go on. */
export interface Restored {
  readonly positions: Positions
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
  stored: Positions | undefined,
  policies: Policies,
  nowMs: number,
  signal: AbortSignal,
  onMissed: OnMissed,
): Promise<Restored> {
  // It was made a dead letter when it was first read; a start must not fail because of it.
  const remember = (fact: EventBatch['events'][number]): void => {
    try {
      folds.remember(fact, policies)
    } catch (error) {
      const { stream, sequence } = fact
      link.log.error({ err: error, stream, sequence }, 'an event cannot be remembered and is skipped')
    }
  }
  const positions: Record<string, Position> = {}
  const dropped: Record<string, number> = {}
  for (const stream of RULE_STREAMS) {
    const { state } = await link.manager.streams.info(stream)
    dropped[stream] = Math.min(state.first_seq - 1, state.last_seq)
    positions[stream] = beginning(link, stream, stored?.[stream], state, nowMs, onMissed)
  }
  const present = policies.shadow ? [policies.live, policies.shadow] : [policies.live]
  const windowMs = (stream: string) => Math.max(...present.map(policy => memoryMs(policy, stream)))

  const oldestMs = Math.min(...Object.values(positions).map(({ storedAtMs }) => storedAtMs))
  const longestMs = Math.max(...RULE_STREAMS.map(windowMs))
  const from = { timeMs: oldestMs - longestMs - Math.max(...present.map(standingMs)) }
  const opened = { stream: STREAMS.incidents, filter: factFilter(IncidentOpened), from, signal }
  for await (const fact of factsOf(replay(link, opened))) remember(fact)
  const throttlesHead = (await link.manager.streams.info(STREAMS.throttles)).state.last_seq
  for await (const fact of factsOf(replay(link, { stream: STREAMS.throttles, from, signal }))) {
    if (fact.sequence <= throttlesHead) remember(fact)
  }

  await Promise.all(
    RULE_STREAMS.map(async stream => {
      const { sequence, storedAtMs } = positions[stream]!
      const window = { stream, from: { timeMs: storedAtMs - windowMs(stream) }, signal }
      for await (const fact of factsOf(replay(link, window))) {
        if (fact.sequence > sequence) break
        remember(fact)
      }
    }),
  )
  return { positions, throttlesHead, dropped }
}

function beginning(
  link: NatsLink,
  stream: string,
  stored: Position | undefined,
  state: { readonly first_seq: number; readonly last_seq: number },
  nowMs: number,
  onMissed: OnMissed,
): Position {
  const end = { sequence: state.last_seq, storedAtMs: nowMs }
  if (!stored) return end
  const missed = Math.min(state.first_seq - 1, state.last_seq) - stored.sequence
  if (missed > 0) onMissed(stream, missed)
  if (stored.sequence <= state.last_seq) return stored
  link.log.error(
    { stream, position: stored, last: state.last_seq },
    'the stream ends before the stored position: events were lost, going on from its end',
  )
  return end
}

async function* factsOf(batches: AsyncIterable<EventBatch>): AsyncGenerator<EventBatch['events'][number]> {
  for await (const { events } of batches) yield* events
}
