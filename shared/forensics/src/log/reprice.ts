import type { PriceList } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import type { Range } from '../core/log-source.ts'
import { type RepricedRow, Repricing } from '../core/repricing.ts'
import { type Reading, readEvents } from './read.ts'
import { type RetainedRange, retention } from './retention.ts'

/** Cost by identity and model of what was settled in a range, by another price list. */
export async function reprice(
  link: NatsLink,
  list: PriceList,
  range: Range,
  reading: Reading = {},
): Promise<{ rows: RepricedRow[]; kept: RetainedRange[] }> {
  const kept = await retention(link)
  const repricing = new Repricing(list)
  const sources = [{ stream: 'tokens' as const, subject: 'fluxgate.tokens.*.settled.*.*' }]
  for await (const entries of readEvents(link, sources, range, reading))
    for (const entry of entries) repricing.add(entry)
  return { rows: repricing.rows(), kept }
}
