import { MINUTE_MS, STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import { answered, defineTool } from '../../calls/index.ts'
import {
  asOfField,
  asOfOf,
  freshnessOf,
  freshnessText,
  isoTime,
  limitField,
  spanText,
  timeField,
  usageFields,
  usageOf,
  usageText,
  windowField,
} from '../../views/index.ts'

export const topIdentities = defineTool({
  name: 'top_identities',
  title: 'Top identities',
  description:
    'Who uses the most: identities by tokens used in a window that ends now, with their requests, refusals, ' +
    'failures and latency. Use it to find heavy users, or who is behind a rise that get_gateway_metrics shows.',
  effect: 'reads',
  input: z.strictObject({ windowMinutes: windowField(60), limit: limitField(10, 100) }),
  output: z.object({
    from: timeField,
    to: timeField,
    identities: z.array(z.object({ identity: z.string(), ...usageFields })).describe('Most tokens first.'),
    asOf: asOfField,
  }),

  async answer({ windowMinutes, limit }, backends) {
    const fresh = await freshnessOf(backends, [STREAMS.requests, STREAMS.tokens])
    const now = backends.nowMs()
    const windowMs = windowMinutes * MINUTE_MS
    const from = now - windowMs
    // Nodes' clocks may run a little ahead of this one: the minute that has begun counts whole.
    const rows = await backends.tables.topIdentities({ from, to: now + MINUTE_MS, nowMs: now, limit })
    const identities = rows.map(row => ({ identity: `${row.userId}.${row.keyId}`, ...usageOf(row) }))
    const data = { from: isoTime(from), to: isoTime(now), identities, asOf: asOfOf(fresh) }
    return answered(data, [
      identities.length === 0
        ? `No traffic in the last ${spanText(windowMs)}.`
        : `Most tokens in the last ${spanText(windowMs)}:`,
      ...identities.map((row, index) => `${index + 1}. ${row.identity}: ${usageText(row)}`),
      freshnessText(fresh),
    ])
  },
})
