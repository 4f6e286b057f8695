import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface RawResult {
  /** Final answers, without 1xx. */
  readonly answers: readonly Answer[]
  readonly interim: readonly number[]
  /** The server ended the connection. */
  readonly closed: boolean
  /** By a reset, which can take an answer from a client. */
  readonly reset: boolean
}

export interface RawOptions {
  readonly tls?: boolean
  /** How long nothing more must come after a whole answer. */
  readonly quietMs?: number
  readonly limitMs?: number
}

export function openRaw(port: number, tls = false): Socket {
  const socket = tls
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    : connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  return socket
}

/** Writes bytes as they are and gathers what comes back until the server closes or has been quiet after an answer. */
export function sendRaw(port: number, bytes: string | Buffer, options: RawOptions = {}): Promise<RawResult> {
  const { tls = false, quietMs = 60, limitMs = 8_000 } = options
  return new Promise(resolve => {
    const socket = openRaw(port, tls)
    const chunks: Buffer[] = []
    let quiet: NodeJS.Timeout | undefined
    let reset = false
    let over = false
    const finish = (closed: boolean): void => {
      if (over) return
      over = true
      clearTimeout(quiet)
      clearTimeout(limit)
      socket.destroy()
      const { answers, interim } = parseAnswers(Buffer.concat(chunks).toString('latin1'))
      resolve({ answers, interim, closed, reset })
    }
    const limit = setTimeout(() => finish(false), limitMs)
    socket.on('data', chunk => {
      chunks.push(chunk)
      clearTimeout(quiet)
      const { answers } = parseAnswers(Buffer.concat(chunks).toString('latin1'))
      if (answers.length > 0) quiet = setTimeout(() => finish(false), quietMs)
    })
    socket.on('error', error => {
      reset ||= ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')
    })
    socket.on('close', () => finish(true))
    socket.once(tls ? 'secureConnect' : 'connect', () => socket.write(bytes))
  })
}

/** All whole answers at the start of a byte string (RFC 9112 section 6.3, as far as this server uses it). */
export function parseAnswers(text: string): { answers: Answer[]; interim: number[] } {
  const answers: Answer[] = []
  const interim: number[] = []
  let at = 0
  for (;;) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end === -1) break
    const [line = '', ...fields] = text.slice(at, end).split('\r\n')
    const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(`${line} `)?.[1] ?? Number.NaN)
    const headers = Object.fromEntries(
      fields.map(field => {
        const colon = field.indexOf(':')
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
      }),
    )
    at = end + 4
    if (status < 200) {
      interim.push(status)
      continue
    }
    const body = bodyAt(text, at, headers)
    if (!body) break
    answers.push({ status, headers, body: body.text })
    at = body.end
  }
  return { answers, interim }
}

function bodyAt(
  text: string,
  from: number,
  headers: Record<string, string>,
): { text: string; end: number } | undefined {
  if (headers['transfer-encoding'] === 'chunked') return chunkedAt(text, from)
  // An answer to HEAD tells a length and has no body: the next answer, or the end, follows at once.
  const length = Number(headers['content-length'] ?? 0)
  const rest = text.slice(from, from + length)
  if (rest === '' || rest.startsWith('HTTP/1.')) return { text: '', end: from }
  return rest.length < length ? undefined : { text: rest, end: from + length }
}

function chunkedAt(text: string, from: number): { text: string; end: number } | undefined {
  let body = ''
  let at = from
  for (;;) {
    const line = text.indexOf('\r\n', at)
    if (line === -1) return undefined
    const size = Number.parseInt(text.slice(at, line), 16)
    if (text.length < line + 2 + size + 2) return undefined
    if (size === 0) return { text: body, end: line + 4 }
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}
