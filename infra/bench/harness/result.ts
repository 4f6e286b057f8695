import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Line, median } from './line.ts'
import type { Machine } from './machine.ts'

export const RESULTS = join(import.meta.dirname, '../results')

/** What a run of the bench writes. */
export interface Result {
  readonly date: string
  readonly machine: Machine
  readonly loadAfter: number
  readonly rounds: number
  readonly seconds: number
  readonly lines: readonly Line[]
}

/** The given files of results, or the newest one. */
export async function readResults(files: string | undefined): Promise<Result[]> {
  const paths = files?.split(',') ?? [await newest()]
  return Promise.all(paths.map(async path => JSON.parse(await readFile(path, 'utf8')) as Result))
}

async function newest(): Promise<string> {
  const files = (await Array.fromAsync(glob('*.json', { cwd: RESULTS }))).sort()
  const last = files.at(-1)
  if (last === undefined) throw new Error('nothing was measured yet: npm run bench')
  return join(RESULTS, last)
}

/** Our own median of a figure; throws where it was not measured. */
export function ownFigure(lines: readonly Line[], row: string, what: string): number {
  const line = lines.find(each => each.row === row && each.what === what)
  if (!line || 'skipped' in line)
    throw new Error(`${row}, ${what}, was not measured: npm run bench -- --rows ${row}`)
  return median(line.ours)
}
