import { constants } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { EdgeLimits } from './edge-limits.ts'
import type { TlsPair } from './tls.fs.ts'

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

/** TLS 1.2 and 1.3, the server's order of ciphers, no renegotiation (CVE-2009-3555, CVE-2011-1473). */
export function tlsOptions({ cert, key }: TlsPair) {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2',
    ciphers: TLS_CIPHERS,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  } as const
}

/** HTTP/1.1 on plain TCP, behind a balancer that ends TLS. */
export function plainServer(limits: EdgeLimits): Server {
  const server = createServer({ ...http1Options(limits) })
  bound(server, limits)
  return server
}

/** HTTP/1.1 and HTTP/2 by ALPN over TLS. */
export function secureServer(limits: EdgeLimits, pair: TlsPair): Http2SecureServer {
  const http1 = http1Options(limits)
  const server = createSecureServer({
    ...tlsOptions(pair),
    handshakeTimeout: limits.handshakeTimeoutMs,
    allowHTTP1: true,
    // An older Node reads these from the options themselves.
    ...http1,
    http1Options: http1,
    settings: {
      enablePush: false,
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      initialWindowSize: limits.streamWindowBytes,
      maxHeaderListSize: limits.maxHeaderBytes,
    },
    // Two for each of the pseudo-header fields, which count here too.
    maxHeaderListPairs: limits.maxHeaders + 8,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    maxSettings: 16,
    streamResetBurst: limits.maxResets,
    streamResetRate: limits.resetsPerSecond,
  })
  bound(server, limits)
  return server
}

function http1Options(limits: EdgeLimits) {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: Math.min(limits.headersTimeoutMs, backstopMs(limits)),
    requestTimeout: backstopMs(limits),
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    // The door refuses a missing Host, as it does a repeated one.
    requireHostHeader: false,
  } as const
}

/** Readers of bodies answer at the request's timeout; this ends the requests whose body nobody reads. */
function backstopMs({ requestTimeoutMs, checkEveryMs }: EdgeLimits): number {
  return requestTimeoutMs + 2 * checkEveryMs
}

/**
 * What holds for every connection. The HTTP/1.1 side of a secure server has these fields too; before 24.5 Node set
 * them there to its own defaults (no keep-alive timeout at all), so they are written once more.
 */
function bound(server: Server | Http2SecureServer, limits: EdgeLimits): void {
  const { connectionsCheckingInterval, requireHostHeader, ...http1 } = http1Options(limits)
  Object.assign(server, http1, {
    connectionsCheckingInterval,
    requireHostHeader,
    maxConnections: limits.maxConnections,
  })
}
