import { type RawBuilder, sql } from 'kysely'

export type Grain = 'minute' | 'hour' | 'day'

const LENGTH_MS: Readonly<Record<Grain, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }

interface Piece {
  readonly grain: Grain
  readonly from: number
  readonly to: number
}

/**
 * A time range as few rows: whole days from the days, whole hours around them from the hours, the rest from the minutes,
 * each time in one piece. Epoch milliseconds; the start is widened to its minute, the end is exclusive.
 * @param coarsest the longest grain that may be used: that of the points asked for
 */
export function piecesOf(from: number, to: number, coarsest: Grain): Piece[] {
  return split({ grain: 'minute', from: floor(from, 'minute'), to }, coarsest)
}

function split(piece: Piece, coarsest: Grain): Piece[] {
  const next = piece.grain === 'minute' ? 'hour' : 'day'
  if (piece.grain === coarsest || piece.grain === 'day') return [piece]
  const begins = floor(piece.from + LENGTH_MS[next] - 1, next)
  const ends = floor(piece.to, next)
  if (begins >= ends) return [piece]
  return [
    { ...piece, to: begins },
    ...split({ grain: next, from: begins, to: ends }, coarsest),
    { ...piece, from: ends },
  ].filter(part => part.from < part.to)
}

/** End of the grain in which a moment is. */
export function endOf(ms: number, grain: Grain): number {
  return floor(ms + LENGTH_MS[grain] - 1, grain)
}

function floor(ms: number, grain: Grain): number {
  return Math.floor(ms / LENGTH_MS[grain]) * LENGTH_MS[grain]
}

/** The rollups' rows of these pieces, their time in the column `at`, as a table to select from. */
export function rowsOf(
  table: 'usage' | 'latency',
  pieces: readonly Piece[],
  columns: RawBuilder<unknown>,
  where: RawBuilder<boolean>,
): RawBuilder<unknown> {
  const selects = pieces.map(({ grain, from, to }) => {
    const at = sql.ref(grain)
    return sql`select ${at} as at, ${columns} from ${sql.table(`${table}_${grain}s`)}
      where ${at} >= ${new Date(from).toISOString()}::timestamptz
        and ${at} < ${new Date(to).toISOString()}::timestamptz and ${where}`
  })
  return sql`(${sql.join(selects, sql` union all `)}) as rows`
}
