/** How far long work is, for a person who waits. */
export interface Progress extends Disposable {
  at(done: number, of: number): void
}

const BAR_CHARS = 30

export function barText(label: string, done: number, of: number): string {
  const share = of > 0 ? Math.min(1, done / of) : 0
  const filled = Math.round(share * BAR_CHARS)
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_CHARS - filled)
  return `${label} ${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${done.toLocaleString('en')}`
}
