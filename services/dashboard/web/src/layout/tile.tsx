import type { ComponentChildren } from 'preact'
import { type Figure, NONE } from '../format/index.ts'

export interface TileFigure extends Partial<Figure> {
  readonly value: string
  readonly name?: string
  readonly testId?: string
}

export interface TileProps {
  readonly label: string
  /** Beside the label, so that nothing moves when the figure gets wider; figures of changing units have their own. */
  readonly unit?: string
  readonly figures: readonly TileFigure[]
  /** What the figure is taken over. */
  readonly note: ComponentChildren
  readonly tone?: 'warn' | 'bad' | undefined
  readonly class?: string
}

export function Tile({ label, unit, figures, note, tone, class: more = '' }: TileProps) {
  return (
    <div class={`tile ${tone ?? ''} ${more}`}>
      <h2>
        {label}
        {unit && <span class="unit"> {unit}</span>}
      </h2>
      <p class="tile-figures">
        {figures.map(({ name, value, unit: own, testId }) => (
          <span key={name ?? ''} class="tile-figure">
            {name && <span class="tile-name">{name} </span>}
            <span
              class={`tile-value num ${value === NONE ? 'none' : ''}`}
              data-testid={testId}
              data-value={value.replaceAll(',', '')}
            >
              {value}
            </span>
            {own && <span class="unit"> {own}</span>}
          </span>
        ))}
      </p>
      <p class="tile-note num">{note}</p>
    </div>
  )
}
