import { DAY_MS, MINUTE_MS, STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import { answered, defineTool } from '../../calls/index.ts'
import {
  asOfField,
  asOfOf,
  cursorField,
  freshnessOf,
  freshnessText,
  identityField,
  identityOf,
  isoTime,
  limitField,
  nextCursorField,
  quoted,
  rangeFields,
  rangeOf,
  timeField,
  usageFields,
  usageOf,
  usageText,
  userField,
} from '../../views/index.ts'

/** A report by minutes adds up a row for each minute: longer ones are asked for by hours or days. */
const MAX_RANGE_MS = { minute: 2 * DAY_MS, hour: 62 * DAY_MS, day: 1_830 * DAY_MS, whole: 1_830 * DAY_MS }

export const usageReport = defineTool({
  name: 'usage_report',
  title: 'Usage report',
  description:
    'Who used what, when, and what it cost: requests, outcomes, tokens, cost and mean latency by identity, user, model ' +
    'or upstream, as one sum over the range or by minute, hour or day (UTC). Use it for bills, trends, comparisons ' +
    'and "how much did X use last week"; for single requests use query_requests. Oldest period first, in each the most ' +
    'tokens first; page with cursor.',
  effect: 'reads',
  input: z.strictObject({
    by: z
      .enum(['identity', 'user', 'model', 'upstream'])
      .default('identity')
      .describe('What a row is about.'),
    period: z
      .enum(['whole', 'minute', 'hour', 'day'])
      .default('whole')
      .describe('whole: one row for the range. minute: ranges up to 2 days; hour: up to 62 days.'),
    ...rangeFields('1 day before the end'),
    identity: identityField.optional(),
    user: userField.optional(),
    model: z.string().min(1).max(256).optional().describe('Only this model, by its exact name.'),
    upstream: z.string().min(1).max(256).optional().describe('Only this upstream, by its exact name.'),
    limit: limitField(50, 500),
    cursor: cursorField,
  }),
  output: z.object({
    from: timeField.describe('Start of its minute.'),
    to: timeField.describe('The minute that has begun counts whole.'),
    rows: z.array(
      z.object({ at: timeField.describe('Start of the period.'), group: z.string(), ...usageFields }),
    ),
    nextCursor: nextCursorField,
    asOf: asOfField,
  }),

  async answer({ by, period, identity, user, model, upstream, limit, cursor, ...range }, backends) {
    const fresh = await freshnessOf(backends, [STREAMS.requests, STREAMS.tokens])
    const nowMs = backends.nowMs()
    const asked = rangeOf(range, nowMs, { fallbackMs: DAY_MS, maxMs: MAX_RANGE_MS[period] })
    const from = Math.floor(asked.fromMs / MINUTE_MS) * MINUTE_MS
    const to = Math.ceil(asked.toMs / MINUTE_MS) * MINUTE_MS
    const owner = identity === undefined ? { user } : identityOf(identity)
    const { items, next } = await backends.tables.usageReport({
      from,
      to,
      nowMs,
      by,
      bucket: period === 'whole' ? undefined : period,
      ...owner,
      model,
      upstream,
      limit,
      before: cursor,
    })
    const rows = items.map(row => ({ at: isoTime(row.at), group: row.group, ...usageOf(row) }))
    const data = { from: isoTime(from), to: isoTime(to), rows, nextCursor: next, asOf: asOfOf(fresh) }
    return answered(data, [
      rows.length === 0
        ? `Nothing was used from ${data.from} to ${data.to}.`
        : `Usage by ${by} from ${data.from} to ${data.to}${period === 'whole' ? '' : `, each ${period}`}:`,
      ...rows.map(row => {
        const group = row.group === '' ? `(no ${by} known)` : quoted(row.group)
        return `- ${period === 'whole' ? '' : `${row.at} `}${group}: ${usageText(row)}`
      }),
      ...(next === undefined
        ? []
        : ['There are more: call again with the same arguments and nextCursor as cursor.']),
      freshnessText(fresh),
    ])
  },
})
