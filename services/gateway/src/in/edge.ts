import type { Server as TlsServer } from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import type { GatewayLimits } from '../config.ts'

export interface EdgeTls {
  readonly cert: string
  readonly key: string
}

/** Forward secrecy and authenticated encryption only (RFC 9325 section 4.2). */
const TLS_CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':')

/** A field too many is a mistake to be told of, not one to be dropped in silence. */
export const STRICT_SCHEMAS = { customOptions: { removeAdditional: false, coerceTypes: false } } as const

/** The public server: HTTP/1.1 and h2 by ALPN over TLS 1.2+, or plain HTTP/1.1 behind a balancer that ends TLS. */
export function createEdge(
  limits: GatewayLimits,
  tls: EdgeTls | undefined,
  trustedProxies: readonly string[] = [],
): FastifyInstance {
  const common = {
    ajv: STRICT_SCHEMAS,
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // Ids are ours: an id that a client chooses could be another's.
    requestIdHeader: false,
    return503OnClosing: true,
    logger: false,
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 256 },
  } as const
  const trustProxy = [...trustedProxies]
  const http = { headersTimeout: limits.headersTimeoutMs, maxHeaderSize: limits.maxHeaderBytes }
  if (!tls) {
    const app = Fastify({ ...common, trustProxy, http })
    app.server.maxConnections = limits.maxConnections
    return app
  }
  const app = Fastify({
    ...common,
    trustProxy,
    http2: true,
    https: {
      ...http,
      allowHTTP1: true,
      cert: tls.cert,
      key: tls.key,
      minVersion: 'TLSv1.2',
      ciphers: TLS_CIPHERS,
      honorCipherOrder: true,
      settings: { maxConcurrentStreams: 250 },
    },
  }) as unknown as FastifyInstance
  const server = app.server as unknown as TlsServer
  server.maxConnections = limits.maxConnections
  return app
}
