import { jsonParser, PriceList } from '@fluxgate/contracts'
import { type RepricedRow, reprice as recount } from '@fluxgate/forensics'
import { JSON_HELP, JSON_OPTION, RANGE_HELP, RANGE_OPTIONS, rangeOf } from '../arguments.ts'
import { type Command, overLog, parsed, reading, usage } from '../command.ts'
import { jsonLine, type Paint, plain } from '../paint.ts'
import { parsedFile } from '../parsed-file.ts'
import { columns } from '../render.ts'
import { droppedNotices } from '../retention.ts'
import { EXIT } from '../user-error.ts'

const HELP = `Usage: forensics reprice --prices <file> [options]

What the settled tokens cost by another price list, by identity and model, beside what was told at their settlement. The log
stays as it is.

  --prices <file>      a price list as JSON, as in bucket policy under prices:
                       {"models": {"gpt-*": {"input": 2.5, "output": 10, "cachedInput": 1.25}}}
                       US dollars per million tokens, for the model that answered; a name may end in *, the longest
                       match wins; a list of prices for one name, each with the date "from" which it holds
${RANGE_HELP}
${JSON_HELP}

Models that the list does not know have no cost, and are listed. Money is in US dollars; with --json in millionths too.
`

const OPTIONS = { prices: { type: 'string' }, ...RANGE_OPTIONS, ...JSON_OPTION } as const
const parsePrices = jsonParser(PriceList)
const MICROS = 1_000_000

export const reprice: Command = {
  name: 'reprice',
  summary: 'cost by identity and model with another price list',
  help: HELP,

  prepare(args, nowMs) {
    const { values } = parsed('reprice', args, OPTIONS, { min: 0, max: 0 })
    const { prices: path } = values
    if (path === undefined) throw usage('reprice', '--prices is missing')
    const range = rangeOf('reprice', values, nowMs)

    return overLog(async bench => {
      const { link, screen, paint, signal } = bench
      const list = await parsedFile(bench, path, parsePrices)
      const { rows, kept } = await reading(bench, 'pricing', options => recount(link, list, range, options))
      if (signal.aborted) return EXIT.interrupted
      for (const text of droppedNotices(kept, range.fromMs)) screen.notice(text)
      for (const line of values.json ? jsonOf(rows) : pageOf(rows, paint)) await screen.line(line)
      const unpriced = [...new Set(rows.filter(row => row.costMicros === null).map(({ model }) => model))]
      if (unpriced.length > 0) screen.notice(`no price for ${unpriced.join(', ')}`)
      return EXIT.done
    })
  },
}

function totalOf(rows: readonly RepricedRow[]) {
  const total = {
    settled: 0,
    promptTokens: 0,
    cachedTokens: 0,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    completionTokens: 0,
    reasoningTokens: 0,
    costMicros: 0,
    recordedMicros: 0,
  }
  for (const row of rows) {
    for (const name of Object.keys(total) as Array<keyof typeof total>) total[name] += row[name] ?? 0
  }
  return total
}

function usd(micros: number | null): string {
  return micros === null ? '-' : (micros / MICROS).toFixed(6)
}

function jsonOf(rows: readonly RepricedRow[]): string[] {
  const money = (micros: number | null) => (micros === null ? null : micros / MICROS)
  const all = totalOf(rows)
  return [
    ...rows.map(row => ({
      kind: 'cost',
      ...row,
      cost: money(row.costMicros),
      recorded: money(row.recordedMicros),
    })),
    { kind: 'total', ...all, cost: money(all.costMicros), recorded: money(all.recordedMicros) },
  ].map(jsonLine)
}

function pageOf(rows: readonly RepricedRow[], paint: Paint): string[] {
  const row = (identity: string, model: string, each: Omit<RepricedRow, 'identity' | 'model'>) => [
    ...[identity, plain(model), each.settled, each.promptTokens, each.cachedTokens],
    ...[each.cacheWrite5mTokens + each.cacheWrite1hTokens, each.completionTokens, each.reasoningTokens],
    ...[usd(each.costMicros).padStart(14), usd(each.recordedMicros).padStart(14)],
  ]
  const [head = '', ...lines] = columns([
    [
      ...['identity', 'model', 'settled', 'prompt', 'cached', 'written', 'completion', 'reasoning'],
      ...['           USD', '  USD recorded'],
    ],
    ...rows.map(each => row(each.identity, each.model, each)),
    row('all', '', totalOf(rows)),
  ])
  return [paint.dim(head), ...lines]
}
