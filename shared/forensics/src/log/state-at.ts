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
  const [kept, limits] = await Promise.all([retention(link), limitsAt(link, atMs)])
  const fold = new StateFold(atMs, limits)
  const sources = ALL_STREAMS.map(stream => ({ stream }))
  for await (const facts of readFacts(link, sources, { toMs: atMs }, reading)) {
    for (const fact of facts) fold.add(fact)
  }
  return { state: fold.finish(), kept }
}
