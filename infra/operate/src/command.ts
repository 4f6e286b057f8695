import { parseArgs } from 'node:util'
import { ConfigError } from '@fluxgate/runtime'
import { type OperateConfig, readOperateConfig } from './config.ts'
import { BackupFault } from './manifest.ts'

/** One line for the person who waits. */
export type Tell = (line: string) => void

type Order = (
  config: OperateConfig,
  folder: string,
  tell: Tell,
  options: ReadonlySet<string>,
) => Promise<unknown>

const USAGE = 2

/** A command with one folder: ends with 0, with 1 when it failed, with 2 when it was not understood. */
export async function runOrder(
  name: string,
  usage: string,
  options: readonly string[],
  order: Order,
): Promise<void> {
  const fail = (code: number, lines: readonly string[]) => {
    for (const line of lines) console.error(`${name}: ${line}`)
    process.exitCode = code
  }
  let folder: string | undefined
  let given: ReadonlySet<string>
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: Object.fromEntries(options.map(option => [option, { type: 'boolean' as const }])),
    })
    given = new Set(Object.keys(values))
    if (positionals.length === 1) folder = positionals[0]
  } catch (error) {
    return fail(USAGE, [(error as Error).message, `npm run fluxgate -- ${name} ${usage}`])
  }
  if (folder === undefined) return fail(USAGE, [`npm run fluxgate -- ${name} ${usage}`])
  try {
    const config = await readOperateConfig(process.env)
    await order(config, folder, line => console.log(line), given)
  } catch (error) {
    if (error instanceof ConfigError) return fail(USAGE, error.faults)
    if (error instanceof BackupFault) return fail(1, [error.message])
    fail(1, [(error as Error).stack ?? String(error)])
  }
}
