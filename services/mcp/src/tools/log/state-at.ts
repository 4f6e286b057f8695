import type { StateAt } from '@fluxgate/forensics'
import { z } from 'zod'
import { answered, defineTool, problem } from '../../calls/index.ts'
import {
  atField,
  droppedField,
  droppedText,
  droppedView,
  identityField,
  isoTime,
  limitField,
  momentOf,
  quoted,
  sumsFields,
  sumsText,
  throttleFields,
  throttleOf,
  throttleText,
  timeField,
} from '../../views/index.ts'

const bucketFields = {
  identity: z.string(),
  tier: z.string(),
  capacity: z.number(),
  refillRate: z.number(),
  tokensLeft: z.number().describe('Below zero when settlements were larger than their reservations.'),
}
const incidentFields = {
  incident: z.string(),
  identity: z.string(),
  rule: z.string(),
  severity: z.string(),
  state: z.enum(['opened', 'reported', 'acknowledged']),
  findings: z.int(),
  openedAt: timeField,
  explanation: z.string(),
}

export const stateAtTool = defineTool({
  name: 'state_at',
  title: 'State at a moment',
  description:
    'The state of the whole gateway at a moment of the past, rebuilt from the log: totals, token buckets that were not ' +
    'full, throttles in force, incidents that were open. Use it for "what did it look like when …", "why was this ' +
    'request refused then" (ask with its identity). Reads the log from its beginning, so it may take a while: it tells ' +
    'its progress and can be cancelled.',
  effect: 'reads',
  long: true,
  input: z.strictObject({
    at: atField,
    identity: identityField.optional(),
    limit: limitField(20, 500).describe('Rows of each list at most; 20 by default.'),
  }),
  output: z.object({
    at: timeField,
    totals: z.object(sumsFields).describe('Of all identities, from the beginning of the log up to then.'),
    identities: z.int().describe('Identities that had ever asked for anything.'),
    counts: z
      .object({ buckets: z.int(), throttles: z.int(), incidents: z.int() })
      .describe('Rows there are; the lists may be cut.'),
    buckets: z.array(z.object(bucketFields)).describe('Not full or throttled, the emptiest first.'),
    throttles: z.array(z.object(throttleFields)).describe('Newest first.'),
    incidents: z.array(z.object(incidentFields)).describe('Open ones, newest first.'),
    positions: z.record(z.string(), z.int()).describe('Stream → the last position that counts.'),
    dropped: droppedField,
  }),

  async answer({ at, identity, limit }, backends, call) {
    const now = backends.nowMs()
    const atMs = momentOf('at', at, now)
    if (atMs > now) return problem(`at (${isoTime(atMs)}) is in the future: the log tells the past.`)
    const { state, kept } = await backends.longReads.stateAt(atMs, call)
    const data = { ...dataOf(state, identity, limit), dropped: droppedView(kept) }
    const { counts, buckets, throttles, incidents } = data
    return answered(data, [
      `At ${data.at}: ${data.identities} identities; ${sumsText(data.totals)}`,
      `${counts.throttles} throttles in force${identity === undefined ? '' : ` on ${identity}`}`,
      ...throttles.map(throttle => `- ${throttleText(throttle, atMs)}`),
      `${counts.incidents} incidents open`,
      ...incidents.map(
        each =>
          `- ${each.incident} ${each.severity} ${each.rule} by ${each.identity}, ${each.state}, ${each.findings} findings. ${quoted(each.explanation)}`,
      ),
      `${counts.buckets} buckets not full`,
      ...buckets.map(
        each =>
          `- ${each.identity} (${each.tier}): ${each.tokensLeft} of ${each.capacity} tokens, ${each.refillRate}/s`,
      ),
      ...droppedText(data.dropped),
    ])
  },
})

function dataOf(
  { atMs, totals, identities, positions, ...lists }: StateAt,
  identity: string | undefined,
  limit: number,
) {
  const isWanted = (row: { identity: string }) => identity === undefined || row.identity === identity
  const buckets = lists.buckets.filter(isWanted)
  const throttles = lists.throttles.filter(isWanted)
  const incidents = lists.incidents.filter(isWanted)
  return {
    at: isoTime(atMs),
    totals,
    identities,
    positions: Object.fromEntries(positions),
    counts: { buckets: buckets.length, throttles: throttles.length, incidents: incidents.length },
    buckets: buckets.slice(0, limit),
    throttles: throttles.slice(0, limit).map(({ imposedAtMs, untilMs, identity: whose, incident, ...rest }) =>
      throttleOf(whose, {
        ...rest,
        imposedAt: imposedAtMs,
        until: untilMs,
        ...(incident === undefined ? {} : { incident }),
      }),
    ),
    incidents: incidents
      .slice(0, limit)
      .map(({ openedAtMs, ...rest }) => ({ ...rest, openedAt: isoTime(openedAtMs) })),
  }
}
