import { createStore, useStore } from '../data/index.ts'
import { Icon } from '../layout/index.ts'

/** The region stands from the beginning: what is put into it is read out. */
export function Notices() {
  const shown = useStore(notices, it => it)
  return (
    <div class="notices" role="status" aria-live="polite">
      {shown.map(({ id, kind, text }) => (
        <div key={id} class={`notice ${kind}`}>
          <Icon name={kind === 'done' ? 'check' : 'incidents'} size={16} />
          <span>{text}</span>
          <button type="button" class="bare" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="cross" size={14} />
          </button>
        </div>
      ))}
    </div>
  )
}

export interface Notice {
  readonly id: number
  readonly kind: 'done' | 'error'
  readonly text: string
}

const SHOWN_MS = 6_000
const MAX_SHOWN = 3
let nextId = 1

/** Short notes about what an order came to. */
export const notices = createStore<readonly Notice[]>([])

export function notify(kind: Notice['kind'], text: string): void {
  const notice = { id: nextId++, kind, text }
  notices.set([...notices.get(), notice].slice(-MAX_SHOWN))
  setTimeout(() => dismiss(notice.id), SHOWN_MS)
}

function dismiss(id: number): void {
  notices.set(notices.get().filter(notice => notice.id !== id))
}
