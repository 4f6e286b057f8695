import { DAY_MS, STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import type { Backends } from '../../backends/index.ts'
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
  rangeFields,
  rangeOf,
  requestFields,
  requestOf,
  requestText,
  timeField,
  userField,
} from '../../views/index.ts'

const RANGE = { fallbackMs: DAY_MS, maxMs: 366 * DAY_MS }
const nameField = (what: string) =>
  z.string().min(1).max(256).optional().describe(`Only this ${what}, by its exact name.`)

const input = z.strictObject({
  request: z
    .string()
    .regex(/^[0-9A-Za-z_-]{8,64}$/)
    .optional()
    .describe('Only this request id, whenever it was; the other filters hold too.'),
  identity: identityField.optional(),
  user: userField.optional(),
  model: nameField('model'),
  upstream: nameField('upstream'),
  outcome: z
    .enum(['admitted', 'refused', 'completed', 'failed', 'interrupted'])
    .optional()
    .describe('admitted: still in flight.'),
  status: z.int().min(100).max(599).optional().describe('Only this HTTP status.'),
  minDurationMs: z.number().min(0).optional().describe('Only those that took at least so long.'),
  minTokens: z
    .int()
    .min(0)
    .optional()
    .describe('Only those of at least so many tokens, prompt and completion.'),
  ...rangeFields('1 day before the end'),
  limit: limitField(25, 200),
  cursor: cursorField,
})

export const queryRequests = defineTool({
  name: 'query_requests',
  title: 'Requests',
  description:
    'Single requests, newest first, by any mix of filters: identity, user, model, upstream, outcome, status, time, least ' +
    'duration, least tokens. Use it to find the requests behind a figure: the failed ones, the slow ones, the costly ' +
    'ones, those of one customer. For sums use usage_report; for all about one request trace_request. Page with cursor.',
  effect: 'reads',
  input,
  output: z.object({
    from: timeField.nullable().describe('Null when one request was asked for by its id.'),
    to: timeField.nullable(),
    requests: z.array(z.object(requestFields)).describe('Newest first.'),
    nextCursor: nextCursorField,
    asOf: asOfField,
  }),

  async answer(args, backends) {
    const fresh = await freshnessOf(backends, [STREAMS.requests, STREAMS.tokens])
    const range = args.request === undefined ? rangeOf(args, backends.nowMs(), RANGE) : undefined
    const { items, next } = await found(args, backends, range)
    const requests = items.map(requestOf)
    const [from, to] = range ? [isoTime(range.fromMs), isoTime(range.toMs)] : [null, null]
    const where = range ? `from ${from} to ${to}` : `of id ${args.request}`
    return answered({ from, to, requests, nextCursor: next, asOf: asOfOf(fresh) }, [
      requests.length === 0
        ? `No such requests ${where}. Widen the range or leave filters out.`
        : `${requests.length} requests ${where}, newest first:`,
      ...requests.map(request => `- ${requestText(request)}`),
      ...(next === undefined
        ? []
        : ['There are more: call again with the same filters and nextCursor as cursor.']),
      freshnessText(fresh),
    ])
  },
})

async function found(
  args: z.output<typeof input>,
  backends: Backends,
  range?: { fromMs: number; toMs: number },
) {
  const { request, identity, user, model, upstream, outcome, status, minDurationMs, minTokens } = args
  const { user: owner, key } = identity === undefined ? { user, key: undefined } : identityOf(identity)
  // A user beside an identity of somebody else: nobody is both.
  if (user !== undefined && owner !== user) return { items: [], next: undefined }
  return await backends.tables.requests({
    id: request,
    user: owner,
    key,
    model,
    upstream,
    state: outcome,
    status,
    minDurationMs,
    minTokens,
    from: range?.fromMs,
    to: range && range.toMs + 1,
    limit: args.limit,
    before: args.cursor,
  })
}
