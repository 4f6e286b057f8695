import { isIP, type LookupFunction } from 'node:net'
import { Pool } from 'undici'
import type { UpstreamAddress } from '../config/index.ts'
import { type Answer, readAnswer } from './answer.ts'
import type { FailureKind } from './answer-store.ts'
import type { DnsLimits } from './limits.ts'

const MEDIA_TYPE = 'application/dns-message'
/** A connection is kept warm between queries, and a dead one is noticed by pings. */
const IDLE_MS = 60_000
const PING_MS = 15_000

export type Asked = { readonly answer: Answer } | { readonly failure: FailureKind; readonly reason: string }

export interface DohUpstream extends AsyncDisposable {
  readonly url: string
  /** One exchange; never rejects, and ends soon after `tryMs`. */
  ask(query: Buffer, forward: Buffer): Promise<Asked>
  /** Drops the connections: they may be dead without having said so. */
  reconnect(): void
}

/**
 * A client of one DoH server (RFC 8484 section 4.1): GET, HTTP/2 where offered, redirects not followed. GET and not POST,
 * because an HTTP/2 request with a body can hang the process: undici 8.12 ends a stream with `close()` and `destroy()`,
 * and where its frames are not written out yet, Node 20 to 24 then write empty DATA frames for ever.
 */
export function createDohUpstream(
  { url, addresses }: UpstreamAddress,
  limits: DnsLimits,
  authorities?: string | readonly string[],
): DohUpstream {
  const { origin, pathname, search } = new URL(url)
  // The URL may hold a query of its own, such as an account's key.
  const path = `${pathname}${search}${search === '' ? '?' : '&'}dns=`
  const headers = { accept: MEDIA_TYPE }
  const connect = () =>
    new Pool(origin, {
      connections: limits.upstreamConnections,
      allowH2: true,
      connectTimeout: limits.tryMs,
      headersTimeout: limits.tryMs,
      bodyTimeout: limits.tryMs,
      keepAliveTimeout: IDLE_MS,
      h2Options: { pingInterval: PING_MS },
      maxResponseSize: limits.answerBytes,
      connect: {
        // Some servers speak nothing below HTTP/2, and the first protocol offered is often the one chosen.
        preferH2: true,
        lookup: fixedLookup(addresses),
        ...(authorities === undefined ? {} : { ca: [authorities].flat() }),
      },
    })
  let pool = connect()

  const exchange = async (query: Buffer, forward: Buffer): Promise<Asked> => {
    const reply = await pool.request({ method: 'GET', path: path + query.toString('base64url'), headers })
    const { statusCode, body } = reply
    const type = [reply.headers['content-type']].flat()[0]?.split(';')[0]?.trim().toLowerCase()
    if (statusCode !== 200 || type !== MEDIA_TYPE) {
      body.on('error', () => {}).destroy()
      return { failure: 'bad-answer', reason: `HTTP ${statusCode}, ${type ?? 'no content type'}` }
    }
    const bytes = Buffer.from(await body.arrayBuffer())
    const answer = readAnswer(bytes, forward, ageSeconds(reply.headers.age))
    return 'fault' in answer ? { failure: 'bad-answer', reason: answer.fault } : { answer }
  }

  return {
    url,
    async ask(query, forward) {
      for (let isRetry = false; ; isRetry = true) {
        try {
          return await exchange(query, forward)
        } catch (error) {
          const code = codeOf(error)
          // A kept connection may close just as it is used; a query may be repeated without harm.
          if (!isRetry && LOST_CONNECTION.has(code)) continue
          return {
            failure: UNREACHABLE.has(code) ? 'unreachable' : 'bad-answer',
            reason: code,
          }
        }
      }
    },
    reconnect() {
      void pool.destroy()
      pool = connect()
    },
    async [Symbol.asyncDispose]() {
      await pool.destroy()
    },
  }
}

const LOST_CONNECTION: ReadonlySet<string> = new Set([
  'UND_ERR_SOCKET',
  'UND_ERR_INFO',
  'ECONNRESET',
  'EPIPE',
])

const UNREACHABLE: ReadonlySet<string> = new Set([
  ...LOST_CONNECTION,
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  // Another query found the upstream dead, and its connections were dropped.
  'UND_ERR_DESTROYED',
  'UND_ERR_CLOSED',
])

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error ? error.name : 'unknown'
}

/** RFC 9111 section 5.1: whole seconds; anything else is ignored. */
function ageSeconds(header: string | string[] | undefined): number {
  return typeof header === 'string' && /^\d{1,10}$/.test(header) ? Number(header) : 0
}

/** Answers every name with the same addresses: for a server whose name nobody else may resolve. */
function fixedLookup(addresses: readonly string[]): LookupFunction {
  const found = addresses.map(address => ({ address, family: isIP(address) }))
  return (hostname, options, callback) => {
    const first = found[0]
    if (first === undefined) {
      callback(Object.assign(new Error(`no address is set for ${hostname}`), { code: 'ENOTFOUND' }), '')
    } else if (options.all === true) callback(null, found)
    else callback(null, first.address, first.family)
  }
}
