import { styleText } from 'node:util'
import type { Notice } from './supervisor/notice.ts'

const CLEAR_LINE = '\r\x1b[2K'
const COLOURS = { info: 'cyan', warn: 'yellow', error: 'red' } as const
const NAME_CHARS = 17
const DEFAULT_COLUMNS = 80

/** Lines that stay, and below them, on a real terminal, one status line that is written over. */
export class Terminal {
  readonly #out: NodeJS.WriteStream
  #status = ''
  #ended = false

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
    // Nobody reads any more (a closed pipe): the system runs on without words.
    out.on('error', () => {})
  }

  get isInteractive(): boolean {
    return this.#out.isTTY === true
  }

  line(text: string): void {
    if (!this.isInteractive) this.#out.write(`${text}\n`)
    else this.#out.write(`${CLEAR_LINE}${text}\n${this.#status}`)
  }

  notice({ from, level, text }: Notice): void {
    const name = this.#styled(COLOURS[level], from.padEnd(NAME_CHARS))
    this.line(`${name} ${level === 'info' ? text : `${level}: ${text}`}`)
  }

  /** Shown until the next one; without a real terminal it is a line like any other. */
  status(text: string): void {
    if (this.#ended) return
    if (!this.isInteractive) {
      this.line(text)
      return
    }
    this.#status = text.slice(0, Math.max(1, (this.#out.columns || DEFAULT_COLUMNS) - 1))
    this.#out.write(`${CLEAR_LINE}${this.#status}`)
  }

  /** No status from here on. */
  endStatus(): void {
    this.#ended = true
    if (this.isInteractive && this.#status !== '') this.#out.write(CLEAR_LINE)
    this.#status = ''
  }

  strong(text: string): string {
    return this.#styled('bold', text)
  }

  #styled(format: Parameters<typeof styleText>[0], text: string): string {
    return this.isInteractive ? styleText(format, text) : text
  }
}
