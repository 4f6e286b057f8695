import { open, readFile, rename } from 'node:fs/promises'
import { Budget, jsonParser } from '@fluxgate/contracts'
import Type, { type Static } from 'typebox'
import type { Ledger, PeriodSums } from './ledger.ts'
import type { Scope } from './scope.ts'

/** The sums of one ledger, and the last sequence of the log that is in them. */
export interface SavedLedger {
  readonly scope: Scope
  readonly position: number
  /** When the log stored the message at `position`, epoch milliseconds. */
  readonly asOfMs: number
  readonly complete: boolean
  readonly periods: readonly PeriodSums[]
}

export interface Checkpoint {
  /** Which log it was: when its stream was created. */
  readonly log: string
  /** Crossings that stand in it, with the end of their period. */
  readonly told: ReadonlyArray<readonly [text: string, endMs: number]>
  readonly ledgers: readonly SavedLedger[]
}

export function checkpointOf(
  log: string,
  crossings: Iterable<readonly [text: string, endMs: number]>,
  ledgers: readonly Ledger[],
): Checkpoint {
  return {
    log,
    told: [...crossings],
    ledgers: ledgers.map(ledger => {
      const { scope, position, asOfMs, complete } = ledger
      return { scope, position, asOfMs, complete, periods: [...ledger.told()] }
    }),
  }
}

/** Another form of the file is not read: the sums are then read from the log. */
const VERSION = 1
/** Entries of one line: writing the next one waits for this one, and calls are served in between. */
const LINE_ENTRIES = 1_000

const only = { additionalProperties: false } as const
const Count = Type.Integer({ minimum: 0 })
const { each, period, only: holder } = Budget.properties
const Line = Type.Union([
  Type.Object({ version: Type.Literal(VERSION), log: Type.String() }, only),
  Type.Object({ told: Type.Array(Type.Tuple([Type.String(), Count])) }, only),
  Type.Object(
    {
      scope: Type.Object({ each, period, only: holder }, only),
      position: Count,
      asOfMs: Type.Number(),
      complete: Type.Boolean(),
    },
    only,
  ),
  Type.Object({ startMs: Count, sums: Type.Array(Type.Tuple([Type.String(), Count, Count])) }, only),
  /** The last one, with the number of those before it. */
  Type.Object({ lines: Count }, only),
])
type Line = Static<typeof Line>
const parseLine = jsonParser(Line)

/** Writes beside the file and then in its place: a reader finds the old one or the new one, whole. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const unfinished = `${path}.new`
  {
    await using file = await open(unfinished, 'w', 0o600)
    for (const line of linesOf(checkpoint)) await file.appendFile(`${JSON.stringify(line)}\n`)
  }
  await rename(unfinished, path)
}

/** @returns undefined when there is none. @throws when it cannot be read */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const told: Array<readonly [string, number]> = []
  const ledgers: Array<SavedLedger & { periods: PeriodSums[] }> = []
  let log: string | undefined
  let isWhole = false
  for (const [i, row] of text.split('\n').entries()) {
    if (row === '') continue
    const parsed = parseLine(Buffer.from(row))
    if (!parsed.ok) throw new Error(`line ${i + 1}: ${parsed.reason}`)
    const line = parsed.value
    if ('log' in line) log = line.log
    else if ('told' in line) told.push(...line.told)
    else if ('sums' in line) ledgers.at(-1)?.periods.push([line.startMs, line.sums])
    else if ('lines' in line) isWhole = line.lines === i
    else ledgers.push({ ...line, scope: { ...line.scope, only: line.scope.only }, periods: [] })
  }
  if (log === undefined || !isWhole) throw new Error('it is not whole')
  return { log, told, ledgers }
}

function* linesOf(checkpoint: Checkpoint): Generator<Line> {
  let lines = 0
  for (const line of contentOf(checkpoint)) {
    lines++
    yield line
  }
  yield { lines }
}

function* contentOf({ log, told, ledgers }: Checkpoint): Generator<Line> {
  yield { version: VERSION, log }
  for (const part of parts(told)) yield { told: part.map(([text, endMs]) => [text, endMs]) }
  for (const { scope, position, asOfMs, complete, periods } of ledgers) {
    const { each, period, only } = scope
    yield {
      scope: only === undefined ? { each, period } : { each, period, only },
      position,
      asOfMs,
      complete,
    }
    for (const [startMs, rows] of periods) {
      for (const part of parts(rows)) yield { startMs, sums: part.map(([name, a, b]) => [name, a, b]) }
    }
  }
}

function* parts<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < list.length; i += LINE_ENTRIES) yield list.slice(i, i + LINE_ENTRIES)
}
