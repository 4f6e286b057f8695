import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { judge, type Line, merged } from './harness/line.ts'
import { type Machine, machine } from './harness/machine.ts'
import { fillPlace } from './harness/place.ts'
import { RESULTS, type Result, readResults } from './harness/result.ts'
import { tableOf } from './harness/table.ts'
import { ROWS } from './rows/index.ts'
import { type BenchPace, missingTool, type Row } from './rows/row.ts'

/**
 * The whole table, measured side by side, `npm run bench`:
 *   [-- --rows unary,streams] [--seconds 5] [--rounds 3] [--requests 100000] [--minutes 1] [--smoke] [--out file.json]
 * `--requests` and `--minutes` are those after which the memory is looked at again. `--markdown` measures nothing: it puts
 * the table of the newest result, or of `--from a.json,b.json` with all their rounds, into the guide. What is told on the
 * way goes to standard error; the table, and where its JSON is, to standard output.
 */
const { values } = parseArgs({
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
  },
})
const GUIDE = join(import.meta.dirname, '../docs/guides/performance.md')

if (values.markdown) await writeGuide()
else await measure()

async function measure(): Promise<void> {
  const rows = chosenRows()
  const pace = paceOf()
  const date = new Date().toISOString()
  const out = values.out ?? join(RESULTS, `${date.replaceAll(':', '-')}.json`)
  await mkdir(dirname(out), { recursive: true })
  const before = machine()
  const { rounds, seconds } = pace
  const lines: Line[] = []
  for (const row of rows) {
    lines.push(...(await linesOf(row, pace)))
    const result: Result = { date, machine: before, loadAfter: machine().load, rounds, seconds, lines }
    // After each row: a long run that is broken off has lost nothing.
    await writeFile(out, `${JSON.stringify(result, undefined, 2)}\n`)
  }
  console.log(tableOf(lines))
  console.log(`\n${machineText(before, machine().load)}\n${relative(process.cwd(), out)}`)
  const isSound = lines.every(line => 'skipped' in line || judge(line).verdict !== 'invalid')
  if (!isSound) process.exitCode = 1
}

async function linesOf(row: Row, pace: BenchPace): Promise<Line[]> {
  const missing = missingTool(row)
  if (missing) return [{ row: row.id, what: row.what, skipped: missing }]
  return row.run({ ...pace, tell: text => console.error(`[${row.id}] ${text}`) })
}

function chosenRows(): readonly Row[] {
  if (values.rows === undefined) return ROWS
  return values.rows.split(',').map(id => {
    const row = ROWS.find(each => each.id === id)
    if (!row) throw new Error(`no row ${id}; there are ${ROWS.map(each => each.id).join(', ')}`)
    return row
  })
}

function paceOf(): BenchPace {
  const isSmoke = values.smoke
  return {
    ...{ isSmoke, tell() {} },
    seconds: Number(values.seconds ?? (isSmoke ? 1 : 5)),
    rounds: Number(values.rounds ?? (isSmoke ? 1 : 3)),
    soak: { requests: Number(values.requests), minutes: Number(values.minutes) },
  }
}

async function writeGuide(): Promise<void> {
  const results = await readResults(values.from)
  const runs = results.map(({ date, machine: on, loadAfter }) => `- ${date}: ${machineText(on, loadAfter)}`)
  const table = tableOf(merged(results.map(({ lines }) => lines)))
  await fillPlace(GUIDE, 'bench', `${table}\n\nMeasured on:\n\n${runs.join('\n')}`)
  console.log(`${relative(process.cwd(), GUIDE)} has the table of ${results.length} runs`)
}

function machineText({ cores, cpu, memoryMb, kernel, node, load }: Machine, loadAfter: number): string {
  const gb = Math.round(memoryMb / 1_024)
  return (
    `${cores} cores (${cpu}), ${gb} GB, ${kernel}, Node ${node}; ` +
    `load ${load.toFixed(1)} before, ${loadAfter.toFixed(1)} after`
  )
}
