/** A table's columns by their share of its width, in percent: a figure that gets longer moves nothing. */
export function Columns({ shares }: { shares: readonly number[] }) {
  return (
    <colgroup>
      {shares.map((share, i) => (
        <col key={i} style={{ width: `${share}%` }} />
      ))}
    </colgroup>
  )
}
