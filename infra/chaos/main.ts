import { parseArgs } from 'node:util'
import type { Fault } from './src/fault.ts'
import { FAULTS } from './src/faults.ts'
import { rowText, tableText } from './src/report.ts'
import { startTestEnv, type TestEnv } from './src/test-env.ts'
import { type History, LONG, type Row, runTrial, SHORT } from './src/trial.ts'

const HELP = `Usage: npm run chaos -- [options]

Starts the product on real servers, calls it without a pause, strikes one fault after another, and checks after each that
every response which a client saw complete stands in the log exactly once, that forensics verify holds, and that the guard
still throttles, the reporter still reports and the tables have caught up. Prints a table; exit code 1 when a check fails.

  --only <text>     faults whose names contain the text; may be given several times
  --short           stops of 3 s and few clients, as in the test suite, instead of 20 s
  --list            the names of the faults
  --json            one line of JSON for each fault instead of the table
  --help            this text
`

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const { only } = values
const chosen = FAULTS.filter(({ name }) => only === undefined || only.some(text => name.includes(text)))
if (values.help) process.stdout.write(HELP)
else if (values.list) for (const { name } of chosen) console.log(name)
else if (chosen.length === 0) {
  console.error(`no fault has ${only?.join(' or ')} in its name; --list tells them all`)
  process.exitCode = 2
} else await main()

async function main(): Promise<void> {
  const rows: Row[] = []
  let current: TestEnv | undefined
  // Mounts and folders do not end with this process by themselves.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      await current?.[Symbol.asyncDispose]()
      process.exit(130)
    })
  }
  for (const [kind, faults] of Map.groupBy(chosen, ({ kind }) => kind)) {
    const left = [...faults]
    // Where a promise did not hold, the faults that are left are struck on another stand.
    while (left.length > 0) {
      await using env = await startTestEnv(kind)
      current = env
      await strikeAll(env, left, rows)
    }
  }
  if (!values.json) console.log(tableText(rows))
}

/** Takes faults off the list until none is left, or a promise does not hold. */
async function strikeAll(env: TestEnv, left: Fault[], rows: Row[]): Promise<void> {
  const history: History = []
  for (let fault = left.shift(); fault; fault = left.shift()) {
    const missing = fault.missing?.(env)
    if (missing !== undefined) {
      console.error(`${fault.name}: left out, ${missing}`)
      continue
    }
    if (!values.json) console.error(`${fault.name} …`)
    try {
      const row = await runTrial(env, fault, values.short ? SHORT : LONG, history)
      rows.push(row)
      if (values.json) console.log(JSON.stringify(row))
      else console.error(rowText(row))
    } catch (error) {
      process.exitCode = 1
      console.error(`${fault.name} does not hold:`, error)
      tellServices(env)
      return
    }
  }
}

function tellServices({ services }: TestEnv): void {
  for (const { name, output } of Object.values(services)) console.error(`--- ${name}\n${output}`)
}
