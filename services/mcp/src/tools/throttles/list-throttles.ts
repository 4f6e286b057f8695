import { STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import type { Backends, Call } from '../../backends/index.ts'
import { answered, defineTool, type ToolAnswer } from '../../calls/index.ts'
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
  pastThrottleFields,
  pastThrottleOf,
  throttleOf,
  throttlePage,
  throttlesInForce,
  throttleText,
  timeField,
} from '../../views/index.ts'

const input = z.strictObject({
  scope: z
    .enum(['in_force', 'all'])
    .default('in_force')
    .describe('in_force: live, what gateways obey this moment. all: the record, ended throttles included.'),
  identity: identityField.optional().describe('Only throttles of this identity, `<user id>.<key id>`.'),
  limit: limitField(50, 200),
  cursor: cursorField,
})

const output = z.object({
  throttles: z.array(z.object(pastThrottleFields)).describe('Newest first.'),
  inForce: z.int().nullable().describe('Identities throttled this moment; null when scope is all.'),
  nextCursor: nextCursorField,
  source: z.enum(['bucket', 'tables']),
  readAt: timeField,
  asOf: asOfField.optional().describe('Absent when the answer is live.'),
})

type Asked = z.output<typeof input>
type Told = ToolAnswer<z.input<typeof output>>

export const listThrottles = defineTool({
  name: 'list_throttles',
  title: 'Throttles',
  description:
    'Who is throttled, how hard, until when, why and by whom. By default the throttles in force this moment, straight ' +
    'from the bucket that gateways obey; scope "all" lists the record with pardoned, expired and replaced ones. Use it ' +
    'before pardon_identity, and after an order to see that it holds.',
  effect: 'reads',
  input,
  output,
  answer: (args, backends, call) =>
    args.scope === 'all' ? recorded(args, backends) : inForce(args, backends, call),
})

async function inForce(
  { identity, limit, cursor }: Asked,
  backends: Backends,
  { signal }: Call,
): Promise<Told> {
  const now = backends.nowMs()
  const all = throttlesInForce(await backends.live.throttles(signal), now)
  const wanted = identity === undefined ? all : all.filter(entry => entry.identity === identity)
  const { items, next } = throttlePage(wanted, limit, cursor)
  const throttles = items.map(entry => ({
    ...throttleOf(entry.identity, entry.throttle),
    state: 'active' as const,
    endedAt: null,
    endedBy: null,
    endReason: null,
  }))
  const data = { throttles, inForce: all.length, nextCursor: next, readAt: isoTime(now) }
  return answered({ ...data, source: 'bucket' as const }, [
    `${all.length} identities are throttled at ${data.readAt}` +
      (throttles.length === all.length ? ':' : `; ${throttles.length} of them:`),
    ...throttles.map(throttle => `- ${throttleText(throttle, now)}`),
    ...(next === undefined ? [] : ['There are more: call again with nextCursor as cursor.']),
  ])
}

async function recorded({ identity, limit, cursor }: Asked, backends: Backends): Promise<Told> {
  const fresh = await freshnessOf(backends, [STREAMS.throttles])
  const owner = identity === undefined ? undefined : identityOf(identity)
  const { items, next } = await backends.tables.throttles({ identity: owner, limit, before: cursor })
  const throttles = items.map(pastThrottleOf)
  const data = { throttles, inForce: null, nextCursor: next, readAt: isoTime(fresh.readAt) }
  return answered({ ...data, source: 'tables' as const, asOf: asOfOf(fresh) }, [
    throttles.length === 0 ? 'No throttles on record.' : 'Throttles on record, newest first:',
    ...throttles.map(throttle => {
      const end = throttle.endedBy === null ? '' : ` by ${throttle.endedBy}`
      return `- [${throttle.state}${end}] ${throttleText(throttle, fresh.readAt)}`
    }),
    ...(next === undefined ? [] : ['There are more: call again with nextCursor as cursor.']),
    freshnessText(fresh),
  ])
}
