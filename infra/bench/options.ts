import { parseArgs } from 'node:util'
import { ROWS } from './rows/index.ts'
import type { BenchPace, Row } from './rows/row.ts'

export interface BenchOptions {
  readonly rows: readonly Row[]
  readonly pace: Omit<BenchPace, 'tell'>
  /** Where the JSON goes; a file named by the time where it is not given. */
  readonly out?: string
  /** Nothing is measured: the table of results that are there goes into the guide. */
  readonly markdown: boolean
  readonly from?: string
}

/** What was asked for cannot be done; the message is for the person who asked. */
export class OptionFault extends Error {}

export const USAGE = `Measures Fluxgate beside its baselines, row by row, and prints a table.

  npm run bench -- [options]

  --rows a,b         only these rows, of the list below
  --seconds 5        of each measurement
  --rounds 3         measurements of each subject, in turns; the table has their medians
  --requests 100000  after which the memory is looked at again
  --minutes 1        of streams after which the memory is looked at again
  --smoke            one short round of everything: shows that it works, not how fast it is
  --out file.json    where the result goes (infra/bench/results/<time>.json)
  --markdown         measures nothing: puts the table of the newest result into the guide on performance
  --from a.json,b.json   with --markdown: of these results, with all their rounds
  --help             this

Rows:
${ROWS.map(({ id, what }) => `  ${id.padEnd(12)} ${what}`).join('\n')}`

/** @throws OptionFault; undefined where only help was asked for. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const values = parsed(args)
  if (values.help) return
  const isSmoke = values.smoke
  return {
    rows: rowsOf(values.rows),
    pace: {
      isSmoke,
      seconds: positive('seconds', values.seconds ?? (isSmoke ? '1' : '5')),
      rounds: positive('rounds', values.rounds ?? (isSmoke ? '1' : '3')),
      soak: { requests: positive('requests', values.requests), minutes: positive('minutes', values.minutes) },
    },
    markdown: values.markdown,
    ...(values.out !== undefined && { out: values.out }),
    ...(values.from !== undefined && { from: values.from }),
  }
}

function parsed(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rows: { type: 'string' },
        seconds: { type: 'string' },
        rounds: { type: 'string' },
        requests: { type: 'string', default: '100000' },
        minutes: { type: 'string', default: '1' },
        smoke: { type: 'boolean', default: false },
        out: { type: 'string' },
        markdown: { type: 'boolean', default: false },
        from: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    return values
  } catch (error) {
    throw new OptionFault((error as Error).message)
  }
}

function rowsOf(ids: string | undefined): readonly Row[] {
  if (ids === undefined) return ROWS
  return ids.split(',').map(id => {
    const row = ROWS.find(each => each.id === id)
    if (!row) throw new OptionFault(`no row ${id}; there are ${ROWS.map(each => each.id).join(', ')}`)
    return row
  })
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value))
    throw new OptionFault(`--${name} must be a number above zero, not ${text}`)
  return value
}
