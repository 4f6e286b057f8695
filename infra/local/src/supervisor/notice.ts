/** Something for the person at the terminal. */
export interface Notice {
  readonly from: string
  readonly level: 'info' | 'warn' | 'error'
  readonly text: string
}

export type Tell = (notice: Notice) => void

const WARN_LEVEL = 40
const ERROR_LEVEL = 50
const MAX_CHARS = 300
/** `[123] 2026/01/01 00:00:00.000000 [ERR] text`, as nats-server writes it. */
const NATS_LINE = /^\[\d+\] \S+ \S+ \[(?<level>[A-Z]{3})\] (?<text>.*)$/

/** Our configuration takes passwords from the environment; the server cannot tell that from plain ones in a file. */
const OF_NO_CONCERN = /^Plaintext passwords detected/

/** What of a child's line a person should see: warnings and errors, and whatever it says on standard error. */
export function noticeOf(from: string, line: string, isStderr: boolean): Notice | undefined {
  const nats = NATS_LINE.exec(line)
  if (nats?.groups) {
    const { level, text = '' } = nats.groups
    if (OF_NO_CONCERN.test(text)) return undefined
    if (level === 'WRN') return { from, level: 'warn', text }
    return level === 'ERR' || level === 'FTL' ? { from, level: 'error', text } : undefined
  }
  const logged = pinoNotice(from, line)
  if (logged !== 'other') return logged
  return isStderr && line.trim() !== '' ? { from, level: 'error', text: line.slice(0, MAX_CHARS) } : undefined
}

function pinoNotice(from: string, line: string): Notice | undefined | 'other' {
  if (!line.startsWith('{')) return 'other'
  let entry: { level?: unknown; msg?: unknown; err?: { message?: unknown } }
  try {
    entry = JSON.parse(line)
  } catch {
    return 'other'
  }
  if (typeof entry.level !== 'number') return 'other'
  if (entry.level < WARN_LEVEL) return undefined
  const message = typeof entry.msg === 'string' ? entry.msg : ''
  const cause = typeof entry.err?.message === 'string' ? entry.err.message : ''
  const text = [message, message.includes(cause) ? '' : cause].filter(part => part !== '').join(': ')
  return { from, level: entry.level < ERROR_LEVEL ? 'warn' : 'error', text: text.slice(0, MAX_CHARS) }
}
