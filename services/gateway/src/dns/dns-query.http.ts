import type { IncomingHttpHeaders } from 'node:http'
import type {
  FastifyBaseLogger,
  FastifyError,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerBase,
} from 'fastify'
import Type from 'typebox'
import type { Request } from '../edge/index.ts'
import { documented, type Operation, type Payload, UNDOCUMENTED } from '../http/index.ts'
import type { DnsClient, DnsResolver } from './resolve.ts'

const MEDIA_TYPE = 'application/dns-message'
const PATH = '/dns-query'
const METHODS = ['GET', 'HEAD', 'POST']
/** What a URL may hold beside the value of `dns`. */
const URL_REST_BYTES = 256

const MESSAGE: Payload = {
  content: { [MEDIA_TYPE]: Type.String({ description: 'a DNS message (RFC 1035), as bytes' }) },
}
const errors = Object.fromEntries(
  [400, 406, 413, 414, 415, 421, 500].map((status): [number, Payload] => {
    return [status, { description: 'One line of text.', content: { 'text/plain': Type.String() } }]
  }),
)
const dns = (summary: string): Operation => {
  const answer = { ...MESSAGE, description: 'Every DNS response, NXDOMAIN and SERVFAIL too.' }
  return { summary, tag: 'dns', open: true, answers: { 200: answer }, errors }
}
const GET = documented({
  ...dns('A DNS query, as base64url without padding'),
  query: { dns: Type.String({ pattern: '^[A-Za-z0-9_-]+$' }) },
})
const POST = documented({ ...dns('A DNS query, as bytes'), body: MESSAGE })

export interface DnsQueryOptions {
  /**
   * Answer on connections without TLS too: behind a balancer that ends TLS, and in tests. RFC 8484 section 5 knows
   * only `https`, so they get 421 otherwise (RFC 9110 section 7.4).
   */
  readonly allowPlaintext?: boolean
  /** Absent: whoever asks is answered, without a limit of their own. */
  readonly clientOf?: (request: Request) => DnsClient
}

/**
 * DNS-over-HTTPS (RFC 8484): `GET /dns-query?dns=<base64url>` and `POST /dns-query`, both `application/dns-message`.
 * Every DNS response, NXDOMAIN and SERVFAIL too, has HTTP status 200 and an explicit `max-age`; any other status
 * concerns HTTP alone and carries one line of text. Answers are the same for all who may ask, so shared caches may keep
 * them; refusals are never fresh.
 * The body parser and the error texts stay inside: other routes do not see them.
 */
export function registerDnsQuery<
  Server extends RawServerBase,
  RawRequest extends RawRequestDefaultExpression<Server>,
  RawReply extends RawReplyDefaultExpression<Server>,
  Logger extends FastifyBaseLogger,
>(
  app: FastifyInstance<Server, RawRequest, RawReply, Logger>,
  resolver: DnsResolver,
  { allowPlaintext = false, clientOf }: DnsQueryOptions = {},
): void {
  const urlBytes = URL_REST_BYTES + Math.ceil((resolver.queryBytes * 4) / 3)
  app.register((scope, _options, registered) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(MEDIA_TYPE, { parseAs: 'buffer' }, (_request, body, parsed) =>
      parsed(null, body),
    )
    scope.setErrorHandler<FastifyError>((error, request, reply) => {
      const status = error.statusCode ?? 500
      // Fastify ends the connection after a body that is too long; HTTP/2 ends the stream alone.
      if (request.raw.httpVersionMajor === 2) reply.removeHeader('connection')
      if (status >= 500) request.log.error({ err: error }, 'dns-query failed')
      return refuse(
        reply,
        status === 415 ? TYPE_REFUSAL : [status, status >= 500 ? 'internal error' : error.message],
      )
    })
    // Before the body is read: a wrong method or type does not need it.
    scope.addHook('onRequest', (request, reply, next) => {
      const refusal = refusalOf(request, urlBytes, allowPlaintext)
      if (refusal === undefined) next()
      else refuse(reply, refusal)
    })
    scope.route({
      ...GET,
      method: ['GET', 'HEAD'],
      url: PATH,
      exposeHeadRoute: false,
      handler: (request, reply) => {
        const query = decodeParameter(request.query, resolver.queryBytes)
        const client = clientOf?.(request.raw as Request)
        return Buffer.isBuffer(query) ? answer(query, client, reply, resolver) : refuse(reply, query)
      },
    })
    scope.post(PATH, { ...POST, bodyLimit: resolver.queryBytes }, ({ body, raw }, reply) =>
      Buffer.isBuffer(body)
        ? answer(body, clientOf?.(raw as Request), reply, resolver)
        : refuse(reply, TYPE_REFUSAL),
    )
    scope.route({
      ...UNDOCUMENTED,
      method: scope.supportedMethods.filter(method => !METHODS.includes(method)),
      url: PATH,
      handler: (_request, reply) => refuse(reply, METHOD_REFUSAL),
    })
    registered()
  })
}

type Refusal = readonly [status: number, text: string, headers?: Readonly<Record<string, string>>]

const METHOD_REFUSAL: Refusal = [405, `use ${METHODS.join(', ')}`, { allow: METHODS.join(', ') }]
const TYPE_REFUSAL: Refusal = [415, `the body must be ${MEDIA_TYPE}`, { accept: MEDIA_TYPE }]

/** The part of Fastify's reply that is used here, of whatever server it belongs to. */
interface Reply {
  code(status: number): this
  headers(headers: Readonly<Record<string, string>>): this
  send(payload: Buffer | string): unknown
}

interface RequestHead {
  readonly protocol: string
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

async function answer(
  query: Buffer,
  client: DnsClient | undefined,
  reply: Reply,
  resolver: DnsResolver,
): Promise<unknown> {
  // No signal: what a client that left had asked for is shared with others and goes to the cache.
  const answered = await resolver.resolve(query, { client })
  if ('fault' in answered) return refuse(reply, [400, `not a DNS query: ${answered.fault}`])
  const headers = { 'content-type': MEDIA_TYPE, 'cache-control': `max-age=${answered.maxAgeSeconds}` }
  return reply.code(200).headers(headers).send(answered.message)
}

function refuse(reply: Reply, [status, text, headers = {}]: Refusal): unknown {
  const always = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
  return reply
    .code(status)
    .headers({ ...always, ...headers })
    .send(`${text}\n`)
}

function refusalOf(request: RequestHead, urlBytes: number, allowPlaintext: boolean): Refusal | undefined {
  const { protocol, method, url, headers } = request
  if (!allowPlaintext && protocol !== 'https') return [421, 'DNS is served over https only']
  if (!METHODS.includes(method)) return METHOD_REFUSAL
  if (!isAccepted(headers.accept)) return [406, `the answer is ${MEDIA_TYPE}`]
  if (url.length > urlBytes) return [414, 'the query is too long']
  if (method !== 'POST') return undefined
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') return [415, 'the body must not be encoded', { 'accept-encoding': 'identity' }]
  return headers['content-type'] === undefined ? TYPE_REFUSAL : undefined
}

/** RFC 8484 sections 4.1 and 6: `dns` once, base64url without padding. */
function decodeParameter(query: unknown, queryBytes: number): Buffer | Refusal {
  const text = typeof query === 'object' && query !== null && 'dns' in query ? query.dns : undefined
  if (typeof text !== 'string' || text === '') return [400, 'the parameter dns is missing, empty or repeated']
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) {
    return [400, 'the parameter dns is not base64url without padding']
  }
  const bytes = Buffer.from(text, 'base64url')
  return bytes.length > queryBytes ? [414, 'the query is too long'] : bytes
}

/** Whether `Accept` allows our type: the most specific range that matches decides (RFC 9110 section 12.5.1). */
function isAccepted(accept: string | undefined): boolean {
  if (accept === undefined || accept === MEDIA_TYPE || accept.trim() === '') return true
  const weights = new Map<string, number>()
  for (const part of accept.split(',')) {
    const [range = '', ...parameters] = part.split(';').map(text => text.trim().toLowerCase())
    const weight = parameters.find(parameter => parameter.startsWith('q='))?.slice(2)
    weights.set(range, weight === undefined ? 1 : Number(weight))
  }
  const found = [MEDIA_TYPE, 'application/*', '*/*'].find(range => weights.has(range))
  return found !== undefined && weights.get(found) !== 0
}
