/** Which column a table is sorted by; undefined is the order of its rows. */
export interface Sort {
  readonly column: number
  readonly direction: 'ascending' | 'descending'
}

/** What a click on a heading makes of a sort: largest first, then smallest first, then the order of the rows. */
export function turned(sort: Sort | undefined, column: number): Sort | undefined {
  if (sort?.column !== column) return { column, direction: 'descending' }
  return sort.direction === 'descending' ? { column, direction: 'ascending' } : undefined
}

/** Rows without a value come last in either direction. */
export function sorted<Row>(
  rows: readonly Row[],
  sort: Sort | undefined,
  sortBy: ((row: Row) => number | string | null) | undefined,
): readonly Row[] {
  if (!sort || !sortBy) return rows
  const sign = sort.direction === 'ascending' ? 1 : -1
  return [...rows].sort((a, b) => {
    const [left, right] = [sortBy(a), sortBy(b)]
    if (left === null || right === null) return Number(left === null) - Number(right === null)
    if (left === right) return 0
    return left < right ? -sign : sign
  })
}
