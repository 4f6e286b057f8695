import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const ROOT = join(import.meta.dirname, '../../..')
const MAX_OUTPUT_BYTES = 16 * 1024 ** 2

/** Runs a measuring script in a process of its own, so that its memory and its garbage are its own; the JSON it ends with. */
export async function runScript<T>(
  file: string,
  args: readonly string[],
  flags: readonly string[] = [],
): Promise<T> {
  const all = ['--disable-warning=ExperimentalWarning', ...flags, file, ...args]
  const { stdout } = await run(process.execPath, all, { cwd: ROOT, maxBuffer: MAX_OUTPUT_BYTES })
  const last = stdout.trim().split('\n').at(-1) ?? ''
  return JSON.parse(last) as T
}
