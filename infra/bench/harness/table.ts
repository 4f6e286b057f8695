import { type Bound, type Compared, judge, type Line, type Measured, median } from './line.ts'

const HEAD = [
  'row',
  'measured',
  'Fluxgate',
  'baseline',
  'compared',
  'spread',
  'must',
  'aim',
  'verdict',
  'errors',
]
const SIGN: Readonly<Record<Compared, string>> = { ratio: '×', saving: '× less', added: 'added', alone: '' }

/** The table as Markdown, its columns aligned so that it reads well on a terminal too; notes below. */
export function tableOf(lines: readonly Line[]): string {
  const rows = [HEAD, ...lines.map(cellsOf)]
  const widths = HEAD.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  const text = rows.map(row => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`)
  text.splice(1, 0, `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`)
  const notes = lines.flatMap(line => {
    const note = 'skipped' in line ? `skipped, ${line.skipped}` : line.note
    return note === undefined ? [] : [`- ${line.row}, ${line.what}: ${note}`]
  })
  return [...text, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')
}

function cellsOf(line: Line): string[] {
  if ('skipped' in line) return [line.row, line.what, '', '', '', '', '', '', 'skipped', '']
  const { value, least, most, verdict } = judge(line)
  const unit = line.compared === 'added' || line.compared === 'alone' ? ` ${line.unit}` : ''
  return [
    ...[line.row, line.what, `${figure(median(line.ours))} ${line.unit}`, baseOf(line)],
    line.compared === 'alone' ? '' : `${figure(value)}${unit} ${SIGN[line.compared]}`,
    `${figure(least)} to ${figure(most)}`,
    ...[boundText(line.must, line.compared), boundText(line.aim, line.compared)],
    ...[verdict, String(line.errors)],
  ]
}

function baseOf({ base, unit }: Measured): string {
  return base ? `${base.name}: ${figure(median(base.values))} ${unit}` : ''
}

function boundText(bound: Bound | undefined, compared: Compared): string {
  if (!bound) return ''
  const times = compared === 'ratio' || compared === 'saving' ? ' ×' : ''
  return 'atLeast' in bound ? `≥ ${figure(bound.atLeast)}${times}` : `≤ ${figure(bound.atMost)}${times}`
}

/** Three digits that mean something. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  const rounded = Number(value.toFixed(Math.min(digits, 3)))
  return rounded.toLocaleString('en', { maximumFractionDigits: 3 })
}
