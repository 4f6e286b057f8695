import type { Row } from './trial.ts'

const HEADS = [
  'fault',
  'requests',
  'responses complete',
  'events missing',
  'events doubled',
  'longest time without service',
]

function cellsOf({ fault, requests, complete, missing, doubled, longestGapMs }: Row): string[] {
  const number = (value: number) => value.toLocaleString('en')
  const seconds = `${(longestGapMs / 1_000).toFixed(2)} s`
  return [fault, number(requests), number(complete), number(missing), number(doubled), seconds]
}

/** One fault in one line, while others are still to come. */
export function rowText(row: Row): string {
  return cellsOf(row)
    .map((cell, i) => (i === 0 ? cell : `${HEADS[i]} ${cell}`))
    .join(' · ')
}

/** The report as a Markdown table, as it stands in the documents. */
export function tableText(rows: readonly Row[]): string {
  const lines = [HEADS, ...rows.map(cellsOf)]
  const widths = HEADS.map((_, i) => Math.max(...lines.map(cells => cells[i]!.length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(HEADS), rule, ...rows.map(row => line(cellsOf(row)))].join('\n')
}
