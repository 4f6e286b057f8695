import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'

const ANSWER_LIMIT_MS = 8_000

/** One HTTP/2 connection, opened again when the server has ended it. */
export class Connection {
  readonly #origin: string
  #session: ClientHttp2Session | undefined

  constructor(port: number) {
    this.#origin = `https://127.0.0.1:${port}`
  }

  open(headers: Record<string, string | number>): ClientHttp2Stream {
    if (!this.#session || this.#session.closed || this.#session.destroyed) {
      this.#session = connect(this.#origin, { rejectUnauthorized: false })
      this.#session.on('error', () => {})
    }
    const stream = this.#session.request(headers)
    stream.on('error', () => {})
    return stream
  }

  /** The status of the answer, or 0 without one within the limit. */
  async ask(headers: Record<string, string | number>, body = '', limitMs = ANSWER_LIMIT_MS): Promise<number> {
    let status = 0
    const stream = this.open(headers)
    const limit = setTimeout(() => stream.destroy(), limitMs)
    stream.on('response', answer => (status = answer[':status'] ?? 0))
    const closed = new Promise<boolean>(resolve => {
      stream.once('end', () => resolve(true)).once('close', () => resolve(false))
    })
    stream.resume()
    // A GET has ended already.
    if (body !== '') stream.end(body)
    const isWhole = await closed
    clearTimeout(limit)
    return isWhole ? status : 0
  }

  close(): void {
    this.#session?.destroy()
  }
}
