import { once } from 'node:events'
import { createWriteStream, existsSync, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs'
import { dirname } from 'node:path'

/** Appends lines to a file; when it is larger than `maxBytes`, it moves to `<name>.1` and a new one begins. */
export class LogFile {
  readonly #path: string
  readonly #maxBytes: number
  #stream: WriteStream | undefined
  #bytes = 0

  constructor(path: string, maxBytes: number) {
    this.#path = path
    this.#maxBytes = maxBytes
    mkdirSync(dirname(path), { recursive: true })
    this.#bytes = existsSync(path) ? statSync(path).size : 0
  }

  /** Waits when the disk is slower than the writer. */
  async append(line: string): Promise<void> {
    if (this.#bytes > this.#maxBytes) await this.#turnOver()
    this.#stream ??= this.#open()
    this.#bytes += Buffer.byteLength(line) + 1
    if (!this.#stream.write(`${line}\n`)) await once(this.#stream, 'drain')
  }

  async close(): Promise<void> {
    const stream = this.#stream
    this.#stream = undefined
    if (!stream || stream.errored) return
    await new Promise<void>(done => stream.end(() => done()))
  }

  #open(): WriteStream {
    const stream = createWriteStream(this.#path, { flags: 'a' })
    // A log that cannot be written (disk full) must not take the system down; the next line tries a new stream.
    stream.on('error', () => {
      if (this.#stream === stream) this.#stream = undefined
      stream.emit('drain')
    })
    return stream
  }

  async #turnOver(): Promise<void> {
    await this.close()
    renameSync(this.#path, `${this.#path}.1`)
    this.#bytes = 0
  }
}
