import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { judge, type Line, merged } from './harness/line.ts'
import { type Machine, machine } from './harness/machine.ts'
import { fillPlace } from './harness/place.ts'
import { RESULTS, type Result, readResults } from './harness/result.ts'
import { tableOf } from './harness/table.ts'
import { type BenchOptions, OptionFault, readOptions, USAGE } from './options.ts'
import { missingTool, type Row } from './rows/row.ts'

/**
 * The whole table, measured side by side: `npm run bench -- --help`. What is told on the way goes to standard error; the
 * table, and where its JSON is, to standard output.
 */
const GUIDE = join(import.meta.dirname, '../docs/explanation/performance.md')

const MISUSED = 2

try {
  const options = readOptions(process.argv.slice(2))
  if (!options) console.log(USAGE)
  else if (options.markdown) await writeGuide(options.from)
  else await measure(options)
} catch (error) {
  if (!(error instanceof OptionFault)) throw error
  console.error(`bench: ${error.message}\nbench: see npm run bench -- --help`)
  process.exitCode = MISUSED
}

async function measure({ rows, pace, out: given }: BenchOptions): Promise<void> {
  const date = new Date().toISOString()
  const out = given ?? join(RESULTS, `${date.replaceAll(':', '-')}.json`)
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

async function linesOf(row: Row, pace: BenchOptions['pace']): Promise<Line[]> {
  const missing = missingTool(row)
  if (missing) return [{ row: row.id, what: row.what, skipped: missing }]
  return row.run({ ...pace, tell: text => console.error(`[${row.id}] ${text}`) })
}

async function writeGuide(from: string | undefined): Promise<void> {
  const results = await readResults(from)
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
