import { STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import { answered, defineTool } from '../../calls/index.ts'
import {
  asOfField,
  asOfOf,
  freshnessOf,
  freshnessText,
  isoTime,
  limitField,
  quoted,
  spanText,
  timeField,
  usageFields,
  usageOf,
  usageText,
  windowField,
} from '../../views/index.ts'

const totalsFields = {
  admitted: z.int(),
  refused: z.int(),
  completed: z.int(),
  failed: z.int(),
  interrupted: z.int(),
  inFlight: z.int().describe('admitted − completed − failed − interrupted.'),
  settled: z.int(),
  promptTokens: z.int(),
  completionTokens: z.int(),
  totalTokens: z.int(),
  cachedTokens: z.int(),
  cacheWrite5mTokens: z.int(),
  cacheWrite1hTokens: z.int(),
  reasoningTokens: z.int(),
  audioInputTokens: z.int(),
  audioOutputTokens: z.int(),
  images: z.int(),
  toolCalls: z.int(),
  repeated: z.int().describe('Events that are in the log twice and counted once.'),
}

export const getGatewayMetrics = defineTool({
  name: 'get_gateway_metrics',
  title: 'Gateway metrics',
  description:
    'How the gateway is doing: requests admitted, refused, completed, failed and interrupted, tokens and latency in ' +
    'a window that ends now, with the busiest identities and models, and totals since the first event. Use it first ' +
    'for any question about traffic, load, errors or token use.',
  effect: 'reads',
  input: z.strictObject({ windowMinutes: windowField(15), limit: limitField(5, 50) }),
  output: z.object({
    from: timeField,
    to: timeField,
    window: z.object(usageFields).describe('Sums over the window.'),
    identities: z.array(z.object({ identity: z.string(), ...usageFields })).describe('Most tokens first.'),
    models: z.array(z.object({ model: z.string(), ...usageFields })).describe('Most tokens first.'),
    totals: z.object(totalsFields).describe('Since the first event of the log.'),
    asOf: asOfField,
  }),

  async answer({ windowMinutes, limit }, backends) {
    const windowMs = windowMinutes * 60_000
    const fresh = await freshnessOf(backends, [STREAMS.requests, STREAMS.tokens])
    const metrics = await backends.tables.metrics({ windowMs, nowMs: backends.nowMs(), limit })
    const { totals } = metrics
    const data = {
      from: isoTime(metrics.from),
      to: isoTime(metrics.to),
      window: usageOf(metrics.window),
      identities: metrics.identities.map(row => ({
        identity: `${row.userId}.${row.keyId}`,
        ...usageOf(row),
      })),
      models: metrics.models.map(row => ({ model: row.model, ...usageOf(row) })),
      totals,
      asOf: asOfOf(fresh),
    }
    return answered(data, [
      `Last ${spanText(windowMs)}: ${usageText(data.window)}`,
      ...data.identities.map(row => `- identity ${row.identity}: ${usageText(row)}`),
      ...data.models.map(row => `- model ${quoted(row.model)}: ${usageText(row)}`),
      `Since the beginning: ${totals.admitted} admitted (${totals.inFlight} in flight), ${totals.refused} refused, ` +
        `${totals.totalTokens} tokens.`,
      freshnessText(fresh),
    ])
  },
})
