import type { NatsLink } from '@fluxgate/nats'
import { ALL_STREAMS } from '../core/fact.ts'
import { type StateAt, StateFold } from '../core/state-at.ts'
import { limitsAt } from './policy-history.ts'
import { type Reading, readFacts } from './read.ts'
import { type Kept, retention } from './retention.ts'

/** The state at a moment (epoch milliseconds), rebuilt from the log. Without what retention has dropped, which is told. */
export async function stateAt(
  link: NatsLink,
  atMs: number,
  reading: Reading = {},
): Promise<{ state: StateAt; kept: Kept[] }> {
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
): Promise<{ states: StateAt[]; kept: Kept[] }> {
  const lastMs = moments[moments.length - 1]!
  const [kept, limits] = await Promise.all([retention(link), limitsAt(link, lastMs)])
  const fold = new StateFold(lastMs, limits)
  const states: StateAt[] = []
  const sources = ALL_STREAMS.map(stream => ({ stream }))
  for await (const facts of readFacts(link, sources, { toMs: lastMs }, reading)) {
    for (const fact of facts) {
      while (moments[states.length]! < fact.storedAtMs) states.push(fold.at(moments[states.length]!))
      fold.add(fact)
    }
  }
  while (states.length < moments.length) states.push(fold.at(moments[states.length]!))
  return { states, kept }
}
