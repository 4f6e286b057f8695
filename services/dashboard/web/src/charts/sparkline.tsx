const WIDTH = 160
const HEIGHT = 24

/** A small bar for each value, the newest at the right; a row of `length`, however many there are. */
export function Sparkline({ values, length }: { values: readonly number[]; length: number }) {
  const top = Math.max(1, ...values)
  const step = WIDTH / length
  const start = length - values.length
  const path = values
    .map((value, i) => {
      const height = (value / top) * (HEIGHT - 1)
      return height === 0 ? '' : `M${((start + i + 0.5) * step).toFixed(1)} ${HEIGHT}v-${height.toFixed(1)}`
    })
    .join('')
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      aria-hidden="true"
    >
      <path class="sparkline-base" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
      <path d={path} stroke-width={Math.max(1, step * 0.8)} />
    </svg>
  )
}
