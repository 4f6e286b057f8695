import type { PriceList } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import type { Range } from '../core/fact.ts'
import { type RepricedRow, Repricing } from '../core/repricing.ts'
import { type Reading, readFacts } from './read.ts'
import { type Kept, retention } from './retention.ts'

/** Cost by identity and model of what was settled in a range, by another price list. */
export async function reprice(
  link: NatsLink,
  list: PriceList,
  range: Range,
  reading: Reading = {},
): Promise<{ rows: RepricedRow[]; kept: Kept[] }> {
  const kept = await retention(link)
  const repricing = new Repricing(list)
  const sources = [{ stream: 'tokens' as const, subject: 'fluxgate.tokens.*.settled.*.*' }]
  for await (const facts of readFacts(link, sources, range, reading))
    for (const fact of facts) repricing.add(fact)
  return { rows: repricing.rows(), kept }
}
