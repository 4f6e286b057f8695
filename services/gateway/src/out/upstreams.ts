import type { LookupFunction } from 'node:net'
import { Agent, type Dispatcher, errors } from 'undici'
import {
  UpstreamError,
  type UpstreamListener,
  type UpstreamRequest,
  type Upstreams,
} from '../core/exchange/upstream.ts'

export interface UpstreamLimits {
  readonly connectTimeoutMs: number
  /** To the answer's headers: a model may think for minutes. */
  readonly firstByteTimeoutMs: number
  /** Between two pieces of an answer. */
  readonly idleTimeoutMs: number
  readonly maxUpstreamConnections: number
  /** How long an upstream that could not be reached is left alone, while another can serve. */
  readonly restMs: number
}

interface Upstream {
  readonly name: string
  readonly origin: string
  /** Path prefix of the upstream's URL, without a slash at its end. */
  readonly prefix: string
  readonly authorization: string | undefined
  inFlight: number
  restUntilMs: number
}

/** Sends to the given base URLs; `user:password@` in a URL becomes its basic credentials. */
export function openUpstreams(
  urls: readonly string[],
  limits: UpstreamLimits,
  lookup?: LookupFunction,
): Upstreams {
  const agent = new Agent({
    // Aborting several h2 requests with unsent bodies at once makes Node frame empty DATA for ever (undici 8.12).
    allowH2: false,
    connect: { timeout: limits.connectTimeoutMs, ...(lookup ? { lookup } : {}) },
    connections: limits.maxUpstreamConnections,
    pipelining: 1,
    headersTimeout: limits.firstByteTimeoutMs,
    bodyTimeout: limits.idleTimeoutMs,
    keepAliveTimeout: 30_000,
  })
  const upstreams = urls.map(upstreamOf)

  return {
    send(request, listener) {
      attempt(agent, request, listener, candidates(upstreams), limits)
    },
    async [Symbol.asyncDispose]() {
      await agent.destroy()
    },
  }
}

function upstreamOf(text: string): Upstream {
  const url = new URL(text)
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return {
    name: url.host,
    origin: url.origin,
    prefix: url.pathname.replace(/\/+$/, ''),
    authorization: url.username === '' ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`,
    inFlight: 0,
    restUntilMs: 0,
  }
}

/** The less busy of two random ones first ("power of two choices"), resting ones last. */
function candidates(upstreams: readonly Upstream[]): Upstream[] {
  if (upstreams.length < 2) return [...upstreams]
  const now = performance.now()
  const start = Math.floor(Math.random() * upstreams.length)
  const order = upstreams.map((_, i) => upstreams[(start + i) % upstreams.length]!)
  if (order[1]!.inFlight < order[0]!.inFlight) [order[0], order[1]] = [order[1]!, order[0]!]
  return order.sort((a, b) => Number(a.restUntilMs > now) - Number(b.restUntilMs > now))
}

function attempt(
  agent: Dispatcher,
  request: UpstreamRequest,
  listener: UpstreamListener,
  order: Upstream[],
  limits: UpstreamLimits,
): void {
  const upstream = order[0]
  if (!upstream) {
    listener.onError(new UpstreamError('no_upstream', 'connect', 503, 'No model server is configured.'))
    return
  }
  const path = upstream.prefix + request.path
  const headers =
    upstream.authorization === undefined
      ? request.headers
      : { ...request.headers, authorization: upstream.authorization }
  upstream.inFlight++
  let started = false
  agent.dispatch(
    {
      origin: upstream.origin,
      path,
      method: request.method as Dispatcher.HttpMethod,
      headers,
      body: request.body ?? null,
    },
    {
      onRequestStart(controller) {
        listener.onSent(controller, upstream.name)
      },
      onResponseStart(_controller, status, incoming) {
        if (status < 200) return
        started = true
        listener.onStart(status, incoming)
      },
      onResponseData(_controller, chunk) {
        listener.onData(chunk)
      },
      onResponseEnd() {
        upstream.inFlight--
        listener.onEnd()
      },
      onResponseError(controller, error) {
        upstream.inFlight--
        const fault = describe(error, started)
        if (fault.phase === 'connect') upstream.restUntilMs = performance.now() + limits.restMs
        // Nothing reached the server: another may serve it.
        if (fault.phase === 'connect' && order.length > 1 && !controller?.aborted) {
          attempt(agent, request, listener, order.slice(1), limits)
        } else {
          listener.onError(fault)
        }
      },
    },
  )
}

const CONNECT_CODES = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'])

function describe(error: Error, started: boolean): UpstreamError {
  const code = (error as { code?: string }).code ?? error.name
  if (error instanceof errors.ConnectTimeoutError || CONNECT_CODES.has(code)) {
    return new UpstreamError(
      'upstream_unreachable',
      'connect',
      502,
      'The model server cannot be reached.',
      error,
    )
  }
  if (error instanceof errors.HeadersTimeoutError) {
    return new UpstreamError(
      'upstream_timeout',
      'response',
      504,
      'The model server did not answer in time.',
      error,
    )
  }
  if (error instanceof errors.BodyTimeoutError) {
    return new UpstreamError(
      'upstream_stalled',
      'stream',
      504,
      'The model server stopped in the middle.',
      error,
    )
  }
  const phase = started ? 'stream' : 'response'
  return new UpstreamError('upstream_broken', phase, 502, 'The model server broke off its answer.', error)
}
