/** Rows as text columns, each as wide as its widest cell; numbers stand at the right. */
export function columns(rows: ReadonlyArray<ReadonlyArray<string | number>>): string[] {
  const cells = rows.map(row =>
    row.map(cell => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)),
  )
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map(row => row[column]?.length ?? 0)))
  const isNumber = widths.map((_, column) => rows.slice(1).some(row => typeof row[column] === 'number'))
  return cells.map(row =>
    row
      .map((cell, column) =>
        isNumber[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
}
