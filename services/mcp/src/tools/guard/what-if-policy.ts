import { DAY_MS } from '@fluxgate/contracts'
import type { Answer as Decided, WhatIfResult, WhatIfRow } from '@fluxgate/forensics'
import { z } from 'zod'
import { answered, defineTool, problem } from '../../calls/index.ts'
import {
  cursorField,
  droppedField,
  droppedText,
  droppedView,
  isoTime,
  isoTimeOrNull,
  limitField,
  nextCursorField,
  rangeFields,
  rangeOf,
  readRowsCursor,
  rowsPage,
  timeField,
} from '../../views/index.ts'
import { patchedPolicy } from './policy-patch.ts'

const decided = z
  .object({
    incident: z.string(),
    rule: z.string(),
    severity: z.string(),
    throttled: z.boolean(),
    at: timeField,
    until: timeField.nullable(),
    explanation: z.string(),
  })
  .nullable()

const rowFields = {
  difference: z
    .enum(['same', 'changed', 'new', 'gone'])
    .describe(
      'new: only the tried policy finds it. gone: only the guard that ran found it. changed: both, otherwise.',
    ),
  identity: z.string(),
  would: decided.describe('Under the policy that is tried.'),
  was: decided.describe('What the guard did.'),
}

export const whatIfPolicy = defineTool({
  name: 'what_if_policy',
  title: 'Try a guard policy on the past',
  description:
    'What the guard would have decided over a past range under another policy, and how that differs from what it did: ' +
    "who would have been throttled, who would not. The guard's own rules run over the log; nothing is changed. Use it " +
    'before a threshold is changed, or to see how a rule would have dealt with an incident. The traffic is taken as it ' +
    'was. May take a while: it tells its progress and can be cancelled; begin with a short range.',
  effect: 'reads',
  long: true,
  input: z.strictObject({
    policy: z
      .record(z.string().max(64), z.unknown())
      .describe(
        'What differs from the policy in force (debug_guard_state shows it), such as ' +
          '{"rules": {"contextFlood": {"thresholdTokens": 500}}, "penalty": {"durationMs": 30000}}.',
      ),
    ...rangeFields('1 day before the end'),
    changesOnly: z.boolean().default(true).describe('Leave out decisions that would have been the same.'),
    limit: limitField(50, 500),
    cursor: cursorField.describe(
      '`nextCursor` of the page before, with the same policy; it holds the range.',
    ),
  }),
  output: z.object({
    from: timeField,
    to: timeField,
    counts: z.object({ same: z.int(), changed: z.int(), new: z.int(), gone: z.int() }),
    throttled: z.object({ would: z.int(), were: z.int() }).describe('Identities.'),
    facts: z.record(z.string(), z.int()).describe('Stream → facts of the range that the rules looked at.'),
    decisions: z.array(z.object(rowFields)).describe('In the order of time.'),
    nextCursor: nextCursorField,
    dropped: droppedField,
  }),

  async answer({ policy: patch, changesOnly, limit, cursor, ...range }, backends, call) {
    const { policy: base } = await backends.live.guardPolicy()
    const tried = patchedPolicy(base, patch)
    if (!tried.ok) return problem(`This is no guard policy: ${tried.reason}`)
    const rules = { fallbackMs: DAY_MS, maxMs: backends.longReads.maxRangeMs }
    const place =
      cursor === undefined
        ? { ...rangeOf(range, backends.nowMs(), rules), offset: 0 }
        : readRowsCursor(cursor, rules.maxMs)
    const { result, kept } = await backends.longReads.whatIf(tried.policy, place, call)
    const wanted = changesOnly ? result.rows.filter(({ difference }) => difference !== 'same') : result.rows
    const { rows, next } = rowsPage(wanted, place, limit)
    const data = {
      from: isoTime(place.fromMs),
      to: isoTime(place.toMs),
      counts: result.counts,
      throttled: result.throttled,
      facts: Object.fromEntries(result.events),
      decisions: rows.map(decisionOf),
      nextCursor: next,
      dropped: droppedView(kept, place.fromMs),
    }
    return answered(data, [
      summaryText(data.from, data.to, result),
      ...rows.map(rowText),
      ...(next === undefined
        ? []
        : ['There are more: call again with the same policy and nextCursor as cursor.']),
      ...droppedText(data.dropped),
    ])
  },
})

function decisionOf({ difference, identity, would, was }: WhatIfRow) {
  return { difference, identity, would: decidedOf(would), was: decidedOf(was) }
}

function decidedOf(answer: Decided | null): z.input<typeof decided> {
  if (!answer) return null
  const { atMs, untilMs, ...rest } = answer
  return { ...rest, at: isoTime(atMs), until: isoTimeOrNull(untilMs) }
}

function summaryText(from: string, to: string, { counts, throttled }: WhatIfResult): string {
  return (
    `From ${from} to ${to}: ${counts.new} new, ${counts.gone} gone, ${counts.changed} changed, ${counts.same} the same; ` +
    `${throttled.would} identities would have been throttled, ${throttled.were} were.`
  )
}

function rowText({ difference, identity, would, was }: WhatIfRow): string {
  const would_ = would ? `would be ${decidedText(would)}` : 'would not be found'
  return `- ${difference} ${identity} ${(would ?? was)?.rule ?? ''}: ${would_}; ${was ? `was ${decidedText(was)}` : 'was not found'}`
}

function decidedText({ throttled, atMs, untilMs }: Decided): string {
  if (!throttled) return `told at ${isoTime(atMs)}`
  return `throttled ${isoTime(atMs)} to ${isoTimeOrNull(untilMs) ?? '?'}`
}
