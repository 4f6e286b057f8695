/** One entry of the corpus: bytes, and what may come of them. */
export interface Case {
  readonly name: string
  readonly bytes: string
  /** Statuses of the first answer; none: the connection must end without one. */
  readonly statuses: readonly number[]
  /** Ending the connection without an answer is right too. */
  readonly orClose?: boolean
  /** Requests that the upstream must have seen: none unless said. */
  readonly upstream?: number
  /** Answers in all: one unless said. */
  readonly answers?: number
  /** What an upstream must have got of the one request. */
  readonly forwarded?: { readonly url?: string; readonly body?: string; readonly without?: readonly string[] }
  /** Headers of the first answer, as regular expressions. */
  readonly headers?: Readonly<Record<string, RegExp>>
}

export const CRLF = '\r\n'
export const AUTH = 'Authorization: Bearer good-key'
export const JSON_TYPE = 'Content-Type: application/json'
export const CHAT = '/v1/chat/completions'
export const BODY = '{"model":"m"}'

/** A request as it is written: a line, headers, and a body. */
export function message(line: string, headers: readonly string[], body = ''): string {
  return [line, ...headers, '', body].join(CRLF)
}

export const get = (path: string, ...headers: string[]): string =>
  message(`GET ${path} HTTP/1.1`, ['Host: gw.test', AUTH, ...headers])

/** A whole, right chat call with these headers besides. */
export const chat = (headers: readonly string[] = [], body = BODY): string =>
  message(
    `POST ${CHAT} HTTP/1.1`,
    ['Host: gw.test', AUTH, JSON_TYPE, `Content-Length: ${body.length}`, ...headers],
    body,
  )

/** A chat call whose framing is in `headers` and whose body is written raw. */
export const framed = (headers: readonly string[], body: string): string =>
  message(`POST ${CHAT} HTTP/1.1`, ['Host: gw.test', AUTH, JSON_TYPE, ...headers], body)

export const chunked = (body: string, ...headers: string[]): string =>
  framed(['Transfer-Encoding: chunked', ...headers], body)

/** `{"model":"m"}` as one chunk and the last. */
export const CHUNKS = `d${CRLF}${BODY}${CRLF}0${CRLF}${CRLF}`

/** What a smuggler hides behind a request: it must reach nobody. */
export const HIDDEN = get('/v1/smuggled')

export const refused = (name: string, bytes: string, statuses: readonly number[] = [400]): Case => ({
  name,
  bytes,
  statuses,
  orClose: true,
})

export const served = (name: string, bytes: string, more: Partial<Case> = {}): Case => ({
  name,
  bytes,
  statuses: [200],
  upstream: 1,
  ...more,
})
