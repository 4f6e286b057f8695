import type { Writable } from 'node:stream'
import type { Progress } from './command.ts'

/** On a terminal the bar is drawn over itself; elsewhere it is a line now and then, and none for short work. */
const BAR_EVERY_MS = 100
const LINE_EVERY_MS = 5_000
const ERASE_LINE = '\r\u001b[K'

export function openProgress(errors: Writable, isTerminal: boolean, label: string): Progress {
  const everyMs = isTerminal ? BAR_EVERY_MS : LINE_EVERY_MS
  let drawnAtMs = performance.now()
  let drawn = false
  return {
    at(done, of) {
      const nowMs = performance.now()
      if (nowMs - drawnAtMs < everyMs) return
      drawnAtMs = nowMs
      drawn = true
      const text = barText(label, done, of)
      errors.write(isTerminal ? `${ERASE_LINE}${text}` : `forensics: ${text}\n`)
    },
    [Symbol.dispose]() {
      if (drawn && isTerminal) errors.write(ERASE_LINE)
    },
  }
}

const BAR_CHARS = 30

export function barText(label: string, done: number, of: number): string {
  const share = of > 0 ? Math.min(1, done / of) : 0
  const filled = Math.round(share * BAR_CHARS)
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_CHARS - filled)
  return `${label} ${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${done.toLocaleString('en')}`
}
