import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Empty, type IconName } from '../layout/index.ts'
import { type Sort, sorted, turned } from './sort.ts'

export interface Column<Row> {
  /** Its heading; on a phone, its label in each cell. */
  readonly name: string
  readonly heading?: ComponentChildren
  readonly cell: (row: Row) => ComponentChildren
  /** Figures are set to the right, in digits of one width. */
  readonly isFigure?: boolean
  /** Part of the table's width, in percent: a figure that gets longer moves nothing. */
  readonly share?: number
  readonly tone?: (row: Row) => 'strong' | 'is-warn' | 'is-bad' | '' | undefined
  readonly title?: (row: Row) => string | undefined
  /** Makes the heading a button that sorts by this. */
  readonly sortBy?: (row: Row) => number | string | null
  /** The heading is for screen readers alone. */
  readonly isUnnamed?: boolean
}

export interface DataTableProps<Row> {
  /** The first one names the row. */
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  /** Shown in place of a table without rows. */
  readonly empty: readonly [icon: IconName, text: ComponentChildren]
  readonly size?: 'compact' | 'wide'
  /** Scrolls within a bounded height. */
  readonly isCapped?: boolean
  readonly rowProps?: (row: Row) => Readonly<Record<string, string>>
}

/** A table from columns as data: sorted by its headings, and a list of cards on a phone. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { columns, rows, keyOf, empty, size = '', isCapped, rowProps } = props
  const [sort, setSort] = useState<Sort>()
  const [icon, text] = empty
  if (rows.length === 0) return <Empty icon={icon}>{text}</Empty>
  const isFixed = columns[0]?.share !== undefined
  return (
    <div class={`table-wrap ${isCapped ? 'capped' : ''}`}>
      <table class={`table ${isFixed ? 'fixed' : ''} ${size}`}>
        {isFixed && (
          <colgroup>
            {columns.map(({ name, share }) => (
              <col key={name} style={{ width: `${share}%` }} />
            ))}
          </colgroup>
        )}
        <thead>
          <tr>
            {columns.map((column, index) => (
              <Heading
                key={column.name}
                column={column}
                direction={sort?.column === index ? sort.direction : undefined}
                onSort={() => setSort(turned(sort, index))}
              />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, sort, columns[sort?.column ?? 0]?.sortBy).map(row => (
            <tr key={keyOf(row)} {...rowProps?.(row)}>
              {columns.map((column, index) => (
                <Cell key={column.name} column={column} row={row} isFirst={index === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Heading<Row>(props: {
  column: Column<Row>
  direction: Sort['direction'] | undefined
  onSort: () => void
}) {
  const { column, direction, onSort } = props
  const { name, heading = name, isFigure, isUnnamed, sortBy } = column
  return (
    <th scope="col" class={isFigure ? 'right' : undefined} aria-sort={direction}>
      {isUnnamed ? (
        <span class="sr">{heading}</span>
      ) : sortBy ? (
        <button type="button" class="bare sort" title={`Sort by ${name.toLowerCase()}`} onClick={onSort}>
          {heading}
        </button>
      ) : (
        heading
      )}
    </th>
  )
}

function Cell<Row>({ column, row, isFirst }: { column: Column<Row>; row: Row; isFirst: boolean }) {
  const { name, cell, isFigure, isUnnamed, tone, title } = column
  const content = cell(row)
  if (isFirst) {
    return (
      <th scope="row" title={title?.(row)}>
        {content}
      </th>
    )
  }
  return (
    <td
      class={[isFigure ? 'right num' : '', isUnnamed ? 'right' : '', tone?.(row) ?? ''].join(' ').trim()}
      data-label={isUnnamed ? undefined : name}
      title={title?.(row)}
    >
      {content}
    </td>
  )
}
