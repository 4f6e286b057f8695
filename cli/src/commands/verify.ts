import { positionText } from '@fluxgate/contracts'
import {
  ArchiveCheck,
  type ArchiveVerdict,
  verify as check,
  type Sums,
  type Verdict,
} from '@fluxgate/forensics'
import { JSON_HELP, JSON_OPTION, RANGE_HELP, RANGE_OPTIONS, rangeOf } from '../arguments.ts'
import { type CliContext, type Command, overLog, parsed, reading, usage } from '../command.ts'
import { jsonLine, type Paint, plain } from '../paint.ts'
import { columns } from '../render.ts'
import { droppedText } from '../retention.ts'
import { EXIT, type ExitCode } from '../user-error.ts'

const HELP = `Usage: forensics verify [options]
       forensics verify --file <archive> [--hash <hash>] [--json]

Checks that the log has lost, doubled and changed nothing: for every identity and as a whole, admitted = completed + failed +
interrupted + in flight; one ending and one settlement for each request; no gaps in the streams nor in what gateways
have numbered; nothing unreadable and no dead letters. With a database, also that the tables hold the same settlements.

${RANGE_HELP}
  --silence <span>     a request without an event for this long is lost and not in flight; 10m by default
  --file <archive>     check a file that forensics export has made: names each line that was changed, removed, inserted,
                       moved, and a file that was cut off
  --hash <hash>        of the file's last line, as the export told it: else a file that was made anew is not noticed
${JSON_HELP}

Exit code 1: it does not hold; each offence is listed. A part of the range that retention has dropped is named and not judged.
`

const OPTIONS = {
  ...RANGE_OPTIONS,
  silence: { type: 'string' },
  file: { type: 'string' },
  hash: { type: 'string' },
  ...JSON_OPTION,
} as const
const SHOWN_IDENTITIES = 20

export const verify: Command = {
  name: 'verify',
  summary: 'check that nothing was lost, doubled or changed',
  help: HELP,

  prepare(args, nowMs) {
    const { values } = parsed('verify', args, OPTIONS, { min: 0, max: 0 })
    const { file, hash, json } = values
    if (file !== undefined) {
      if (values.from ?? values.to ?? values.silence) throw usage('verify', '--file is checked as a whole')
      return { needs: 'files', run: reporter => verifyFile(reporter, file, hash, json) }
    }
    if (hash !== undefined) throw usage('verify', '--hash is that of a --file')
    const range = rangeOf('verify', values, nowMs)
    const silence = values.silence === undefined ? {} : { silenceMs: spanOf(values.silence) }

    return overLog(async bench => {
      const { link, tables, screen, paint, signal } = bench
      const options = { range, projected: tables, limits: silence, nowMs: Date.now() }
      const verdict = await reading(bench, 'verifying', how => check(link, options, how))
      if (signal.aborted) return EXIT.interrupted
      for (const line of json ? jsonOf(verdict) : pageOf(verdict, paint)) await screen.line(line)
      return verdict.holds ? EXIT.done : EXIT.no
    })
  },
}

function spanOf(text: string): number {
  const span = /^(\d+)(s|m|h)$/.exec(text)
  if (!span) throw usage('verify', `--silence ${text} is not a span such as 10m`)
  return Number(span[1]) * { s: 1_000, m: 60_000, h: 3_600_000 }[span[2] as 's' | 'm' | 'h']
}

async function verifyFile(
  { files, screen, paint, signal }: CliContext,
  path: string,
  hash: string | undefined,
  json: boolean,
): Promise<ExitCode> {
  const archive = new ArchiveCheck(hash)
  for await (const line of files.lines(path)) {
    archive.add(line)
    if (signal.aborted) return EXIT.interrupted
    if (archive.hopeless) break
  }
  const verdict = archive.finish()
  for (const line of json ? fileJson(verdict) : filePage(verdict, paint)) await screen.line(line)
  return verdict.holds ? EXIT.done : EXIT.no
}

function fileJson({ findings, ...verdict }: ArchiveVerdict): string[] {
  return [...findings.map(finding => ({ kind: 'finding', ...finding })), { kind: 'verdict', ...verdict }].map(
    jsonLine,
  )
}

function filePage({ holds, messages, hash, findings }: ArchiveVerdict, paint: Paint): string[] {
  const faults = findings.map(({ fault, detail }) => `${paint.tone('bad', fault.padEnd(14))} ${detail}`)
  const verdict = holds ? paint.tone('good', 'holds') : paint.tone('bad', 'does not hold')
  return [...faults, `${verdict}: ${messages.toLocaleString('en')} messages, last hash ${hash}`]
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

function jsonOf({
  identities,
  offenders,
  dropped,
  fromMs,
  toMs,
  events: facts,
  ...verdict
}: Verdict): string[] {
  return [
    ...dropped.map(({ firstStoredAtMs, ...rest }) => ({
      kind: 'dropped',
      ...rest,
      firstStoredAt: iso(firstStoredAtMs),
    })),
    ...[...identities].map(([identity, sums]) => ({ kind: 'identity', identity, ...sums })),
    ...offenders.map(offender => ({ kind: 'offender', ...offender })),
    {
      kind: 'verdict',
      ...verdict,
      facts,
      projected: verdict.projected ?? null,
      from: iso(fromMs),
      to: iso(toMs),
    },
  ].map(jsonLine)
}

function pageOf(verdict: Verdict, paint: Paint): string[] {
  const { holds, fromMs, toMs, dropped, whole, identities, offenders, events } = verdict
  const busiest = [...identities].sort(([, a], [, b]) => b.admitted + b.refused - a.admitted - a.refused)
  const [head = '', ...sums] = columns([
    [
      'identity',
      'admitted',
      'completed',
      'failed',
      'interrupted',
      'in flight',
      'refused',
      'settled',
      'tokens',
    ],
    ...busiest.slice(0, SHOWN_IDENTITIES).map(([identity, each]) => sumsRow(identity, each)),
    sumsRow(`all ${identities.size}`, whole),
  ])
  const left = identities.size - SHOWN_IDENTITIES
  const from = iso(fromMs) ?? 'the beginning'
  const times = offenders.length === 1 ? 'one offence' : `${offenders.length.toLocaleString('en')} offences`
  return [
    `${paint.strong(`${from} to ${iso(toMs)}`)}: ${events.toLocaleString('en')} events`,
    ...dropped.map(part => paint.tone('bad', `not judged: ${droppedText(part)}`)),
    paint.dim(head),
    ...sums,
    ...(left > 0 ? [paint.dim(`${left.toLocaleString('en')} more identities: see --json`)] : []),
    projectedText(verdict),
    ...offenders.map(({ offence, detail, identity = '', request = '', places }) =>
      [
        paint.tone('bad', offence.padEnd(20)),
        ...[identity, request].filter(text => text !== '').map(plain),
        plain(detail),
        paint.dim(places.map(positionText).join(' ')),
      ].join(' '),
    ),
    holds ? paint.tone('good', 'holds') : paint.tone('bad', `does not hold: ${times}`),
  ]
}

function sumsRow(name: string, sums: Sums): Array<string | number> {
  const { admitted, completed, failed, interrupted, inFlight, refused, settled, totalTokens } = sums
  return [name, admitted, completed, failed, interrupted, inFlight, refused, settled, totalTokens]
}

function projectedText({ projected }: Verdict): string {
  if (!projected) return 'tables: not compared (no DATABASE_URL)'
  const { inLog, inTables, fromSequence, toSequence, notCompared } = projected
  const number = (value: number) => value.toLocaleString('en')
  const part = `TOKENS ${fromSequence} to ${toSequence}`
  const rest =
    notCompared === 0 ? '' : `; ${number(notCompared)} settlements not in the tables yet, or no longer`
  return (
    `tables: ${number(inTables.settled)} settlements of ${number(inTables.totalTokens)} tokens, the log: ` +
    `${number(inLog.settled)} of ${number(inLog.totalTokens)} (${part})${rest}`
  )
}
