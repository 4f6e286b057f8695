import { attack } from './src/all.ts'
import { tableOf } from './src/attack.ts'
import { startTarget } from './src/target.ts'

/**
 * `npm run fluxgate -- attacks`: every input on a real system; the table is the one of SECURITY.md. With a word behind `--` the
 * families of that name alone.
 */
const only = new RegExp(process.argv[2] ?? '')
await using target = await startTarget()
const rows = await attack(target, 1, ({ family, tried }) => console.error(`${family}: ${tried} tried`), only)
console.log(tableOf(rows))
console.log(`\nAt most ${target.peakMib()} MiB in one process.`)
for (const { family, wrong } of rows) for (const reported of wrong) console.log(`${family}: ${reported}`)
process.exitCode = rows.some(({ wrong }) => wrong.length > 0) ? 1 : 0
