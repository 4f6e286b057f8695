/** What a figure must reach, or aims at. */
export type Bound = { readonly atLeast: number } | { readonly atMost: number }

/**
 * How a figure is judged beside its baseline of the same round: `ratio` ours to it, `saving` it to ours, `added` what ours
 * has more; `alone` there is none.
 */
export type Compared = 'ratio' | 'saving' | 'added' | 'alone'

/** One figure of the table, measured in every round. */
export interface Measured {
  readonly row: string
  readonly what: string
  readonly unit: string
  readonly ours: readonly number[]
  readonly base?: { readonly name: string; readonly values: readonly number[] }
  readonly compared: Compared
  readonly must?: Bound
  readonly aim?: Bound
  /** Answers that were not 2xx, sockets that failed, streams that ended early: ours and the baseline's. */
  readonly errors: number
  readonly note?: string
}

/** A figure that could not be measured here. */
export interface Skipped {
  readonly row: string
  readonly what: string
  readonly skipped: string
}

export type Line = Measured | Skipped

export type Verdict = 'skipped' | 'invalid' | 'aim met' | 'met' | 'MISSED' | 'reported'

export interface Judged {
  /** Median over the rounds, of the compared values; with the least and the most. */
  readonly value: number
  readonly least: number
  readonly most: number
  readonly verdict: Verdict
}

/** Median over the rounds of one process beside the other, so that a busy minute of the machine strikes both. */
export function judge(line: Measured): Judged {
  const values = comparedValues(line)
  const value = median(values)
  return { value, least: Math.min(...values), most: Math.max(...values), verdict: verdictOf(line, value) }
}

function comparedValues({ ours, base, compared }: Measured): number[] {
  return ours.map((own, round) => {
    const other = base?.values[round] ?? Number.NaN
    if (compared === 'ratio') return own / other
    if (compared === 'saving') return other / own
    return compared === 'added' ? own - other : own
  })
}

function verdictOf({ errors, must, aim }: Measured, value: number): Verdict {
  if (errors > 0 || !Number.isFinite(value)) return 'invalid'
  if (aim && holds(aim, value) && (!must || holds(must, value))) return 'aim met'
  if (must) return holds(must, value) ? 'met' : 'MISSED'
  return 'reported'
}

function holds(bound: Bound, value: number): boolean {
  return 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]!
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The value that this share of the others is not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** The rounds of several runs as if they were one run's. */
export function merged(runs: ReadonlyArray<readonly Line[]>): Line[] {
  const found = new Map<string, Line>()
  for (const line of runs.flat()) {
    const name = `${line.row}\0${line.what}`
    const before = found.get(name)
    if (before === undefined || 'skipped' in before) found.set(name, line)
    else if (!('skipped' in line)) found.set(name, both(before, line))
  }
  return [...found.values()]
}

function both(first: Measured, second: Measured): Measured {
  const sum = {
    ...second,
    ours: [...first.ours, ...second.ours],
    errors: first.errors + second.errors,
  }
  if (!first.base || !second.base) return sum
  return { ...sum, base: { name: second.base.name, values: [...first.base.values, ...second.base.values] } }
}
