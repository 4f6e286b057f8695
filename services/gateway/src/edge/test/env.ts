import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ReadinessCheck } from '@fluxgate/runtime'
import { routesOf } from '../../dialects/routes.ts'
import { readyAnswer, registerStatus } from '../../node/status.http.ts'
import type { ProxyDeps } from '../../proxy/proxy-deps.ts'
import { startTestEnv, type TestEnv, type Upstream } from '../../proxy/test-proxy.ts'
import { Bodies } from '../bodies.http.ts'
import { createEdge, type Edge, type EdgeOptions } from '../edge.http.ts'
import type { EdgeLimits } from '../edge-limits.ts'
import { loadTls, type TlsPair } from '../tls.fs.ts'

/** Limits of a second or so, for tests that wait for them. */
export const QUICK_LIMITS: EdgeLimits = Object.freeze({
  maxBodyBytes: 100_000,
  maxBodiesBytes: 4_000_000,
  maxRouteBodyBytes: 65_536,
  maxOpenRequests: 4_096,
  maxUrlBytes: 8_192,
  maxHeaders: 100,
  maxHeaderBytes: 16_384,
  maxConnections: 4_096,
  maxConnectionsPerAddress: 0,
  maxRequestsPerConnection: 0,
  maxStreamsPerConnection: 250,
  maxResets: 400,
  resetsPerSecond: 40,
  maxControlFrames: 200,
  streamWindowBytes: 256 * 1024,
  connectionWindowBytes: 1_024 * 1_024,
  handshakeTimeoutMs: 1_000,
  requestTimeoutMs: 1_500,
  headersTimeoutMs: 1_000,
  keepAliveTimeoutMs: 60_000,
  writeStallMs: 60_000,
  lingerMs: 10_000,
  checkEveryMs: 100,
  maxLoopDelayMs: 0,
  maxHeapShare: 1,
})

export interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface EdgeTestEnv extends AsyncDisposable {
  readonly port: number
  readonly edge: Edge
  readonly env: TestEnv
  /** What reached the upstream. */
  readonly seen: Seen[]
  /** Codes of what the edge itself refused. */
  readonly refused: string[]
  /** What `/ready` asks; a test adds its own. */
  readonly checks: Record<string, ReadinessCheck>
  readonly warnings: Record<string, ReadinessCheck>
}

export interface EdgeTestEnvOptions extends Partial<Omit<EdgeOptions, 'limits' | 'calls' | 'bodies'>> {
  readonly limits?: Partial<EdgeLimits>
  readonly upstream?: Upstream
  readonly proxy?: Partial<ProxyDeps>
}

/** The whole public edge with the proxy behind it, before a real upstream that answers 200 unless told otherwise. */
export async function startEdge(options: EdgeTestEnvOptions = {}): Promise<EdgeTestEnv> {
  const limits = { ...QUICK_LIMITS, ...options.limits }
  const seen: Seen[] = []
  const refused: string[] = []
  const answer: Upstream =
    options.upstream ??
    ((_request, response) => response.setHeader('content-type', 'application/json').end('{"answered":true}'))
  const bodies = options.proxy?.bodies ?? new Bodies(limits)
  const checks: Record<string, ReadinessCheck> = {}
  const warnings: Record<string, ReadinessCheck> = {}
  let edge!: Edge
  const env = await startTestEnv(
    (request, response, body) => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body })
      answer(request, response, body)
    },
    { bodies, ...options.proxy },
    calls => {
      edge = createEdge({
        routes: routesOf(),
        ...options,
        limits,
        calls,
        bodies,
        onRefused: code => refused.push(code),
      })
      registerStatus(edge.app, () => readyAnswer(checks, warnings))
      return edge
    },
  )
  return {
    port: Number(new URL(env.url).port),
    edge,
    env,
    seen,
    refused,
    checks,
    warnings,
    async [Symbol.asyncDispose]() {
      edge.sessions.destroyAll()
      edge.connections.destroyAll()
      bodies[Symbol.dispose]()
      await env[Symbol.asyncDispose]()
    },
  }
}

/** A self-signed pair for `localhost`. */
export async function makePair(): Promise<TlsPair> {
  const directory = mkdtempSync(join(tmpdir(), 'fluxgate-edge-'))
  try {
    return await loadTls(undefined, directory, ['localhost'])
  } finally {
    rmSync(directory, { recursive: true })
  }
}
