import { GuardPolicy, jsonParser } from '@fluxgate/contracts'
import { type Answer, type Difference, type WhatIfResult, type WhatIfRow, whatIf } from '@fluxgate/forensics'
import { JSON_HELP, JSON_OPTION, RANGE_HELP, RANGE_OPTIONS, rangeOf } from '../arguments.ts'
import { type Command, overLog, parsed, reading, usage } from '../command.ts'
import { jsonLine, type Paint, plain, type Tone } from '../paint.ts'
import { parsedFile } from '../parsed-file.ts'
import { droppedNotices } from '../retention.ts'
import { EXIT } from '../user-error.ts'

const HELP = `Usage: forensics whatif --policy <file> [options]

What the guard would have done with another policy: who would have been throttled, when and until when, and how that
differs from what it did. The guard's own rules are run over the log; the same log, policy and range give the same bytes.

  --policy <file>      a guard policy as JSON, as in bucket policy under guard
${RANGE_HELP}
  --changes            leave out what would have been the same
${JSON_HELP}

new: only this policy finds it. gone: only the guard that ran found it. changed: both, with another begin, end or action.
The traffic is taken as it was: a throttle that would have been imposed earlier would have kept some of it away.
`

const OPTIONS = {
  policy: { type: 'string' },
  ...RANGE_OPTIONS,
  changes: { type: 'boolean', default: false },
  ...JSON_OPTION,
} as const
const parsePolicy = jsonParser(GuardPolicy)
const MOODS: { readonly [D in Difference]: Tone } = {
  same: 'calm',
  changed: 'calm',
  new: 'bad',
  gone: 'good',
}

export const whatif: Command = {
  name: 'whatif',
  summary: 'run the guard over the log with another policy',
  help: HELP,

  prepare(args, nowMs) {
    const { values } = parsed('whatif', args, OPTIONS, { min: 0, max: 0 })
    const { policy: path } = values
    if (path === undefined) throw usage('whatif', '--policy is missing')
    const range = rangeOf('whatif', values, nowMs)

    return overLog(async bench => {
      const { link, screen, paint, signal } = bench
      const policy = await parsedFile(bench, path, parsePolicy)
      const { result, kept } = await reading(bench, 'replaying', options =>
        whatIf(link, policy, range, options),
      )
      if (signal.aborted) return EXIT.interrupted
      for (const text of droppedNotices(kept, range.fromMs)) screen.notice(text)
      for (const row of result.rows) {
        if (values.changes && row.difference === 'same') continue
        await screen.line(values.json ? rowJson(row) : rowLine(row, paint))
      }
      await screen.line(values.json ? summaryJson(result) : summaryLine(result, paint))
      return EXIT.done
    })
  },
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function answerJson(answer: Answer | null): object | null {
  if (!answer) return null
  const { atMs, untilMs, ...rest } = answer
  return { ...rest, at: iso(atMs), until: untilMs === null ? null : iso(untilMs) }
}

function rowJson({ difference, identity, would, was }: WhatIfRow): string {
  return jsonLine({ kind: 'decision', difference, identity, would: answerJson(would), was: answerJson(was) })
}

function rowLine({ difference, identity, would, was }: WhatIfRow, paint: Paint): string {
  const answer = would ?? was
  const texts = [
    paint.tone(MOODS[difference], difference.padEnd(7)),
    paint.strong(identity),
    plain(answer?.rule ?? ''),
    would ? `would be ${answerText(would)}` : 'would not be found',
    was ? `was ${answerText(was)}` : 'was not found',
  ]
  return texts.join('  ')
}

function answerText({ throttled, atMs, untilMs }: Answer): string {
  if (!throttled) return `told at ${iso(atMs)}`
  return `throttled ${iso(atMs)} to ${untilMs === null ? '?' : iso(untilMs)}`
}

function summaryJson({ counts, throttled, events }: WhatIfResult): string {
  return jsonLine({ kind: 'summary', ...counts, throttled, facts: Object.fromEntries(events) })
}

function summaryLine({ counts, throttled, events }: WhatIfResult, paint: Paint): string {
  const read = [...events].map(([stream, count]) => `${count.toLocaleString('en')} of ${stream}`).join(', ')
  return (
    `${paint.strong(`${counts.same} same, ${counts.changed} changed, ${counts.new} new, ${counts.gone} gone`)}: ` +
    `${throttled.would} identities would have been throttled, ${throttled.were} were (events: ${read || 'none'})`
  )
}
