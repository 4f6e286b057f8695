import { DAY_MS, MINUTE_MS, positionText } from '@fluxgate/contracts'
import type { Verdict } from '@fluxgate/forensics'
import { z } from 'zod'
import { answered, defineTool } from '../../calls/index.ts'
import {
  cursorField,
  droppedField,
  droppedText,
  isoTime,
  isoTimeOrNull,
  limitField,
  logReference,
  nextCursorField,
  partsOf,
  rangeFields,
  rangeOf,
  readRowsCursor,
  rowsPage,
  sumsFields,
  sumsText,
  timeField,
} from '../../views/index.ts'

const settledSum = z.object({ settled: z.int(), totalTokens: z.int() })
const offenderFields = {
  offence: z.string().describe('settled_twice, never_ended, deleted_from_stream, projected_otherwise, …'),
  detail: z.string(),
  identity: z.string().nullable(),
  request: z.string().nullable(),
  places: z.array(logReference).describe('Where in the log.'),
}

export const verifyLedger = defineTool({
  name: 'verify_ledger',
  title: 'Verify the ledger',
  description:
    'Proves, over a range, that the log lost, doubled and changed nothing: admitted = completed + failed + interrupted + ' +
    'in flight for each identity, one ending and one settlement for each request, no gaps, nothing unreadable; and that ' +
    'the tables hold the same settlements to the token. Names each offender exactly. Use it when figures are disputed, ' +
    'after an outage, or for an audit. May take a while: it tells its progress and can be cancelled.',
  effect: 'reads',
  long: true,
  input: z.strictObject({
    ...rangeFields('1 day before the end'),
    silenceMinutes: z
      .int()
      .min(1)
      .max(1_440)
      .default(10)
      .describe('A request without an event for this long is lost, and not in flight; 10 by default.'),
    limit: limitField(50, 500),
    cursor: cursorField.describe('`nextCursor` of the page before; it holds the range.'),
  }),
  output: z.object({
    holds: z.boolean().describe('True: no violation was found.'),
    from: timeField.nullable().describe('Begin of what was judged; null: the beginning of the log.'),
    to: timeField,
    facts: z.int().describe('Events of all streams in the range.'),
    whole: z.object(sumsFields),
    identities: z.int(),
    tables: z
      .object({
        fromSequence: z.int(),
        toSequence: z.int(),
        inLog: settledSum,
        inTables: settledSum,
        notCompared: z
          .int()
          .describe('Settlements of the range that the tables do not hold yet, or no longer.'),
      })
      .nullable()
      .describe(
        'By position in TOKENS; null when the tables did not answer, so that the log alone was judged.',
      ),
    offences: z.int(),
    offenders: z.array(z.object(offenderFields)),
    nextCursor: nextCursorField,
    dropped: droppedField,
  }),

  async answer({ silenceMinutes, limit, cursor, ...range }, backends, call) {
    const rules = { fallbackMs: DAY_MS, maxMs: backends.longReads.maxRangeMs }
    const place =
      cursor === undefined
        ? { ...rangeOf(range, backends.nowMs(), rules), offset: 0 }
        : readRowsCursor(cursor, rules.maxMs)
    const verdict = await backends.longReads.verify(place, silenceMinutes * MINUTE_MS, call)
    const { rows, next } = rowsPage(verdict.offenders, place, limit)
    const offenders = rows.map(({ offence, detail, identity = null, request = null, places }) => ({
      offence,
      detail,
      identity,
      request,
      places: [...places],
    }))
    const { holds, events, whole } = verdict
    const data = {
      holds,
      from: isoTimeOrNull(verdict.fromMs),
      to: isoTime(verdict.toMs),
      facts: events,
      whole,
      identities: verdict.identities.size,
      tables: verdict.projected ?? null,
      offences: verdict.offenders.length,
      offenders,
      nextCursor: next,
      dropped: partsOf(verdict.dropped),
    }
    return answered(data, [
      `${holds ? 'It holds' : `It does not hold: ${data.offences} offences`}, from ${data.from ?? 'the beginning'} to ${data.to}, ${events} events.`,
      sumsText(whole),
      tablesText(verdict),
      ...offenders.map(({ offence, detail, identity, request, places }) => {
        const about = [identity, request].filter(text => text !== null).join(' ')
        return `- ${offence} ${about}: ${detail} [${places.map(positionText).join(', ')}]`
      }),
      ...(next === undefined ? [] : ['There are more: call again with nextCursor as cursor.']),
      ...droppedText(data.dropped),
    ])
  },
})

function tablesText({ projected }: Verdict): string {
  if (!projected) return 'The tables did not answer: the log alone was judged.'
  const { inLog, inTables, fromSequence, toSequence, notCompared } = projected
  return (
    `Tables: ${inTables.settled} settlements of ${inTables.totalTokens} tokens; log: ${inLog.settled} of ` +
    `${inLog.totalTokens} (TOKENS ${fromSequence} to ${toSequence}); ${notCompared} not in the tables yet, or no longer.`
  )
}
