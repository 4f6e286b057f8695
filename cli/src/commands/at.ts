import { type StateAt, stateAt } from '@fluxgate/forensics'
import { JSON_HELP, JSON_OPTION, momentOf } from '../arguments.ts'
import { type Command, overLog, parsed, reading } from '../command.ts'
import { jsonLine, type Paint, plain } from '../paint.ts'
import { columns } from '../render.ts'
import { droppedNotices } from '../retention.ts'
import { EXIT } from '../user-error.ts'

const HELP = `Usage: forensics at <moment> [options]

Shows the state at a moment (5m, 2h, 1d ago, or 2026-11-23T05:00Z), rebuilt from the log: totals, token buckets that were
not full, throttles in force, incidents that were open. What stood in the log by then counts.

${JSON_HELP}

Reads the log from its beginning. What retention has dropped is not in the totals, and is named.
`

export const at: Command = {
  name: 'at',
  summary: 'show buckets, throttles, incidents and totals as they were at a moment',
  help: HELP,

  prepare(args, nowMs) {
    const { values, positionals } = parsed('at', args, JSON_OPTION, { min: 1, max: 1 })
    const atMs = momentOf('at', '', positionals[0] ?? '', nowMs)

    return overLog(async bench => {
      const { state, kept } = await reading(bench, 'rebuilding', options =>
        stateAt(bench.link, atMs, options),
      )
      if (bench.signal.aborted) return EXIT.interrupted
      for (const text of droppedNotices(kept)) bench.screen.notice(text)
      const lines = values.json ? jsonOf(state) : pageOf(state, bench.paint)
      for (const line of lines) await bench.screen.line(line)
      return EXIT.done
    })
  },
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function jsonOf({ atMs, totals, identities, positions, buckets, throttles, incidents }: StateAt): string[] {
  return [
    { kind: 'state', at: iso(atMs), totals, identities, positions: Object.fromEntries(positions) },
    ...throttles.map(({ imposedAtMs, untilMs, ...rest }) => ({
      kind: 'throttle',
      ...rest,
      imposedAt: iso(imposedAtMs),
      until: iso(untilMs),
    })),
    ...incidents.map(({ openedAtMs, ...rest }) => ({ kind: 'incident', ...rest, openedAt: iso(openedAtMs) })),
    ...buckets.map(bucket => ({ kind: 'bucket', ...bucket })),
  ].map(jsonLine)
}

function pageOf(
  { atMs, totals, identities, buckets, throttles, incidents }: StateAt,
  paint: Paint,
): string[] {
  const { admitted, completed, failed, interrupted, inFlight, refused, settled, totalTokens } = totals
  const number = (value: number) => value.toLocaleString('en')
  const part = (title: string, rows: Array<Array<string | number>>, head: string[]) => {
    if (rows.length === 0) return ['', paint.dim(`no ${title}`)]
    const [first = '', ...rest] = columns([head, ...rows])
    return ['', paint.strong(`${number(rows.length)} ${title}`), paint.dim(first), ...rest]
  }
  return [
    `${paint.strong(iso(atMs))}: ${number(identities)} identities`,
    `${number(admitted)} admitted = ${number(completed)} completed + ${number(failed)} failed + ` +
      `${number(interrupted)} interrupted + ${number(inFlight)} in flight; ${number(refused)} refused`,
    `${number(settled)} settled, ${number(totalTokens)} tokens`,
    ...part(
      'throttles in force',
      throttles.map(({ identity, capacity, refillRate, untilMs, rule, actor }) => [
        ...[identity, capacity, refillRate, iso(untilMs), plain(rule), plain(actor)],
      ]),
      ['identity', 'capacity', 'tokens/s', 'until', 'rule', 'by'],
    ),
    ...part(
      'incidents open',
      incidents.map(({ incident, identity, rule, severity, state, findings, openedAtMs }) => [
        ...[incident, identity, plain(rule), severity, state, findings, iso(openedAtMs)],
      ]),
      ['incident', 'identity', 'rule', 'severity', 'state', 'findings', 'opened'],
    ),
    ...part(
      'buckets not full',
      buckets.map(({ identity, tier, tokensLeft, capacity, refillRate }) => [
        ...[identity, tier, tokensLeft, capacity, refillRate],
      ]),
      ['identity', 'tier', 'tokens left', 'capacity', 'tokens/s'],
    ),
  ]
}
