import { isIP } from 'node:net'

/** What is asked of a request before any route sees it: a server's part of RFC 9112 sections 3 and 6. */
export interface RequestHead {
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Names and values in turn, as they came: repeated fields are seen here alone. */
  readonly rawHeaders: readonly string[]
}

export interface HeadLimits {
  readonly maxUrlBytes: number
  readonly maxHeaders: number
}

/** A request that no route gets to see. */
export interface EdgeError {
  readonly status: number
  /** Machine-readable, also the label of the metric. */
  readonly code: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Methods that any route here may take (ASVS 13.4.4: no TRACE). */
export const EDGE_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
])

const fault = (status: number, code: string, message: string): EdgeError =>
  Object.freeze({ status, code, message })

const BAD_HOST = fault(400, 'bad_host', 'The Host of the request is missing, repeated or invalid.')
const OTHER_HOST = fault(400, 'bad_host', 'The target of the request and its Host differ.')
const BAD_TARGET = fault(400, 'bad_target', 'The target of the request is not a valid path.')
const LONG_TARGET = fault(414, 'url_too_long', 'The URL of the request is too long.')
const BAD_FRAMING = fault(400, 'bad_framing', 'The length of the body is not clear.')
const REPEATED = fault(400, 'repeated_header', 'A header that may appear only once is repeated.')
const MANY_HEADERS = fault(431, 'too_many_headers', 'The request has too many headers.')
const BAD_METHOD: EdgeError = Object.freeze({
  ...fault(405, 'method_not_allowed', 'This method is not served here.'),
  headers: Object.freeze({ allow: [...EDGE_METHODS].join(', ') }),
})

/** Why a request's head must be refused, or undefined. Costs half a microsecond for an ordinary request. */
export function headError(head: RequestHead, limits: HeadLimits): EdgeError | undefined {
  const { method = '', url = '', rawHeaders } = head
  if (!EDGE_METHODS.has(method)) return BAD_METHOD
  if (rawHeaders.length > limits.maxHeaders * 2) return MANY_HEADERS
  return (
    repeatedError(rawHeaders) ?? framingError(head) ?? hostError(head) ?? targetError(method, url, limits)
  )
}

/** Fields of which Node keeps the first and another server the last: nobody may be told two things. */
function repeatedError(rawHeaders: readonly string[]): EdgeError | undefined {
  let hosts = 0
  let credentials = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4) {
      if (name.toLowerCase() === 'host' && ++hosts > 1) return BAD_HOST
    } else if (name.length === 13) {
      if (name.toLowerCase() === 'authorization' && ++credentials > 1) return REPEATED
    }
  }
  return undefined
}

/** RFC 9112 sections 6.1 and 6.3: `chunked` alone, never beside a length, and not in HTTP/1.0. */
function framingError({ headers, httpVersionMinor }: RequestHead): EdgeError | undefined {
  const coding = headers['transfer-encoding']
  if (coding === undefined) return undefined
  const clear = typeof coding === 'string' && coding.trim().toLowerCase() === 'chunked'
  const alone = headers['content-length'] === undefined && httpVersionMinor !== 0
  return clear && alone ? undefined : BAD_FRAMING
}

/** RFC 9112 section 3.2 for HTTP/1.1; RFC 9113 section 8.3.1 for `:authority`, which `host` may only repeat. */
function hostError({ httpVersionMajor, httpVersionMinor, headers }: RequestHead): EdgeError | undefined {
  const host = headers.host
  if (httpVersionMajor === 1) {
    // HTTP/1.0 knows no Host; health checks of some balancers still speak it.
    if (host === undefined && httpVersionMinor === 0) return undefined
    return isHost(host) ? undefined : BAD_HOST
  }
  const authority = headers[':authority'] ?? host
  if (!isHost(authority)) return BAD_HOST
  return host === undefined || host === authority ? undefined : OTHER_HOST
}

const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})|\[([0-9A-Fa-f:.]{2,45})\])(?::(\d{1,5}))?$/

/** Most requests have the Host of the one before. */
let lastHost = ''

function isHost(value: string | string[] | undefined): boolean {
  if (typeof value !== 'string') return false
  if (value === lastHost && value !== '') return true
  const match = HOST.exec(value)
  if (!match) return false
  const [, address, port] = match
  const isGood =
    (address === undefined || isIP(address) === 6) && (port === undefined || Number(port) <= 65_535)
  if (isGood) lastHost = value
  return isGood
}

/** Characters that no target may hold: controls, space, fragments, backslashes, and what is not ASCII. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const WRONG = /[\x00-\x20\x7f-\uffff#\\]/
/** Only such paths need a closer look. */
const UNUSUAL = /[%;]|\/\./
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/
const ESCAPED_CONTROL = /%(?:[01][0-9A-Fa-f]|7[Ff])/
/**
 * What two servers may read differently: path parameters, and percent signs, dots, slashes and backslashes that are
 * escaped. With `%25` refused there is no second level of escapes.
 */
const AMBIGUOUS = /;|%(?:25|2e|2f|3b|5c)/i
/** Names of models hold slashes, which SDKs escape; the gateway itself answers these calls. */
const MODEL_NAME = /^\/v1\/models\//
const AMBIGUOUS_MODEL = /;|%(?:25|2e|3b|5c)/i
/** `.` and `..` as an upstream may read them: they would lead out of the roots that are served. */
const DOT_SEGMENT = /(?:\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|$)/i

function targetError(method: string, url: string, { maxUrlBytes }: HeadLimits): EdgeError | undefined {
  if (url.length > maxUrlBytes) return LONG_TARGET
  if (url === '*') return method === 'OPTIONS' ? undefined : BAD_TARGET
  if (url === '' || WRONG.test(url)) return BAD_TARGET
  if (!UNUSUAL.test(url)) return undefined
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  if (BROKEN_ESCAPE.test(path) || ESCAPED_CONTROL.test(path) || DOT_SEGMENT.test(path)) return BAD_TARGET
  const ambiguous = MODEL_NAME.test(path) ? AMBIGUOUS_MODEL : AMBIGUOUS
  return ambiguous.test(path) ? BAD_TARGET : undefined
}

const ABSOLUTE = /^https?:\/\/([^/?]*)(.*)$/i

export type Target =
  | { readonly ok: true; readonly url: string }
  | { readonly ok: false; readonly fault: EdgeError }

/** The origin-form of a target that does not begin with a slash (RFC 9112 section 3.2.2). */
export function originForm({ url = '', headers, httpVersionMajor }: RequestHead): Target {
  const match = httpVersionMajor === 1 ? ABSOLUTE.exec(url) : null
  if (!match) return { ok: false, fault: BAD_TARGET }
  const [, authority = '', rest = ''] = match
  const { host } = headers
  if (!isHost(authority)) return { ok: false, fault: BAD_HOST }
  if (typeof host === 'string' && host.toLowerCase() !== authority.toLowerCase()) {
    return { ok: false, fault: OTHER_HOST }
  }
  return { ok: true, url: rest.startsWith('/') ? rest : `/${rest}` }
}
