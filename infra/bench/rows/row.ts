import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Bound, Line } from '../harness/line.ts'
import type { Pace } from '../proxy/turns.ts'

/** Programs of the system that a row is measured with. */
export type Tool = 'wrk' | 'nginx' | 'gcc'

export interface BenchPace extends Pace {
  /** Requests, and minutes of streams, after which the memory is looked at again. */
  readonly soak: { readonly requests: number; readonly minutes: number }
}

/** A part of the table: some figures that are measured together. */
export interface Row {
  readonly id: string
  readonly what: string
  readonly needs: readonly Tool[]
  run(pace: BenchPace): Promise<Line[]>
}

const PACKAGES: Readonly<Record<Tool, string>> = { wrk: 'wrk', nginx: 'nginx-light', gcc: 'gcc libc6-dev' }

/** Why a row cannot be measured here, or undefined. */
export function missingTool(row: Row): string | undefined {
  const tool = row.needs.find(name => !isOnPath(name))
  return tool && `${tool} is missing (Debian: apt-get install ${PACKAGES[tool]})`
}

function isOnPath(program: string): boolean {
  const directories = (process.env.PATH ?? '').split(delimiter)
  return directories.some(directory => existsSync(join(directory, program)))
}

export const atLeast = (must: number, aim: number): { must: Bound; aim: Bound } => ({
  must: { atLeast: must },
  aim: { atLeast: aim },
})
export const atMost = (must: number, aim: number): { must: Bound; aim: Bound } => ({
  must: { atMost: must },
  aim: { atMost: aim },
})

export function sumErrors(...runs: ReadonlyArray<ReadonlyArray<{ readonly errors: number }>>): number {
  return runs.flat().reduce((sum, { errors }) => sum + errors, 0)
}
