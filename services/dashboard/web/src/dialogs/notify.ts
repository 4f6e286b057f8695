import { createStore } from '../data/index.ts'

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

export function dismiss(id: number): void {
  notices.set(notices.get().filter(notice => notice.id !== id))
}
