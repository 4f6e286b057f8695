import type { NatsLink } from '@fluxgate/nats'
import { ALL_STREAMS } from '../core/log-source.ts'
import { type StateAt, StateFold } from '../core/state-at.ts'
import { limitsAt } from './policy-history.ts'
import { type Reading, readEvents } from './read.ts'
import { type RetainedRange, retention } from './retention.ts'

/** The state at a moment (epoch milliseconds), rebuilt from the log. Without what retention has dropped, which is told. */
export async function stateAt(
  link: NatsLink,
  atMs: number,
  reading: Reading = {},
): Promise<{ state: StateAt; kept: RetainedRange[] }> {
  const { states, kept } = await statesAt(link, [atMs], reading)
  return { state: states[0]!, kept }
}

/**
 * The states at several moments (epoch milliseconds, in the order of time), out of one reading of the log. Tiers and
 * overrides are those of the last moment.
 */
export async function statesAt(
  link: NatsLink,
  moments: readonly number[],
  reading: Reading = {},
): Promise<{ states: StateAt[]; kept: RetainedRange[] }> {
  const lastMs = moments[moments.length - 1]!
  const [kept, limits] = await Promise.all([retention(link), limitsAt(link, lastMs)])
  const fold = new StateFold(lastMs, limits)
  const states: StateAt[] = []
  const sources = ALL_STREAMS.map(stream => ({ stream }))
  for await (const entries of readEvents(link, sources, { toMs: lastMs }, reading)) {
    for (const entry of entries) {
      while (moments[states.length]! < entry.storedAtMs) states.push(fold.at(moments[states.length]!))
      fold.add(entry)
    }
  }
  while (states.length < moments.length) states.push(fold.at(moments[states.length]!))
  return { states, kept }
}
