import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

export interface PanelProps {
  readonly title: string
  /** After the title, quietly. */
  readonly note?: string
  /** Beside the title: a count, a legend, a button. */
  readonly aside?: ComponentChildren
  readonly class?: string
  readonly children: ComponentChildren
}

export function Panel({ title, note, aside, class: more = '', children }: PanelProps) {
  const id = useId()
  return (
    <section class={`panel ${more}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {note !== undefined && <span class="panel-note num">{note}</span>}
        {aside}
      </header>
      {children}
    </section>
  )
}
