import { factFilter, type GuardPolicy, IncidentOpened, STREAMS } from '@fluxgate/contracts'
import type { Fold } from '@fluxgate/guard-core'
import { memoryMs } from '@fluxgate/guard-core'
import { type EventBatch, type NatsLink, replay } from '@fluxgate/nats'
import type { Position } from '../core/position.ts'

/** Where to go on. */
export interface Restored {
  readonly position: Position
  /** Up to here the log may have been decided about before, by a leader that did not store its position. */
  readonly headSequence: number
  readonly throttlesHead: number
}

/**
 * Reads back what the memory needs and decides nothing: incidents that are still quiet, pardons that still give grace,
 * and the window of tokens up to `stored`. Without a stored position the guard begins at the end of the log.
 */
export async function restore(
  link: NatsLink,
  fold: Fold,
  stored: Position | undefined,
  policy: GuardPolicy,
  nowMs: number,
  signal: AbortSignal,
): Promise<Restored> {
  const { state } = await link.manager.streams.info(STREAMS.tokens)
  let position = stored ?? { sequence: state.last_seq, storedAtMs: nowMs }
  if (position.sequence > state.last_seq) {
    link.log.error(
      { stream: STREAMS.tokens, position, last: state.last_seq },
      'the stream ends before the stored position: events were lost, going on from its end',
    )
    position = { sequence: state.last_seq, storedAtMs: nowMs }
  }
  const windowMs = memoryMs(policy)
  const pardonsMs = policy.graceMs + windowMs

  const opened = {
    stream: STREAMS.incidents,
    filter: factFilter(IncidentOpened),
    from: { timeMs: position.storedAtMs - policy.penalty.durationMs - pardonsMs },
    signal,
  }
  for await (const fact of factsOf(replay(link, opened))) fold.remember(fact, policy)

  const throttles = { stream: STREAMS.throttles, from: { timeMs: position.storedAtMs - pardonsMs }, signal }
  const throttlesHead = (await link.manager.streams.info(STREAMS.throttles)).state.last_seq
  for await (const fact of factsOf(replay(link, throttles))) {
    if (fact.sequence <= throttlesHead) fold.hold(fact, policy)
  }

  const tokens = { stream: STREAMS.tokens, from: { timeMs: position.storedAtMs - windowMs }, signal }
  for await (const fact of factsOf(replay(link, tokens))) {
    if (fact.sequence > position.sequence) break
    fold.remember(fact, policy)
  }
  return { position, headSequence: state.last_seq, throttlesHead }
}

async function* factsOf(batches: AsyncIterable<EventBatch>): AsyncGenerator<EventBatch['events'][number]> {
  for await (const { events } of batches) yield* events
}
