import type { HeadLimits } from './request-head.ts'

/** Every bound of the public server. Times in milliseconds. */
export interface EdgeLimits extends HeadLimits {
  readonly maxBodyBytes: number
  /** All bodies that are held at one time, windows of unread ones included; beyond it new ones are refused. */
  readonly maxBodiesBytes: number
  /** A body of anything but a model call: forms of the portal, DNS messages. */
  readonly maxRouteBodyBytes: number
  /** Requests that are answered at one time, streams of HTTP/2 included; beyond it new ones get 503. */
  readonly maxOpenRequests: number
  readonly maxHeaderBytes: number
  readonly maxConnections: number
  /** From one address (an IPv6 /64 counts as one), trusted proxies aside; 0: as many as there are. */
  readonly maxConnectionsPerAddress: number
  /** After so many a connection of HTTP/1.1 is closed, so that load spreads over new nodes. */
  readonly maxRequestsPerConnection: number
  readonly maxStreamsPerConnection: number
  /** Streams of one HTTP/2 connection that may break off in a burst, and then per second (CVE-2023-44487). */
  readonly maxResets: number
  readonly resetsPerSecond: number
  /** PING and SETTINGS frames of one HTTP/2 connection per look (see `checkEveryMs`). */
  readonly maxControlFrames: number
  /** What a client may send on a stream, and on a connection, before the gateway has read it. */
  readonly streamWindowBytes: number
  readonly connectionWindowBytes: number
  readonly handshakeTimeoutMs: number
  /** To receive a whole request; answers may take as long as they need. */
  readonly requestTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** How long a client may take nothing of an answer that waits for it. */
  readonly writeStallMs: number
  /** How long the rest of a refused body is read and dropped, so that the client sees the refusal and no reset. */
  readonly lingerMs: number
  /** How often the timeouts above are looked at. */
  readonly checkEveryMs: number
  /** Mean event-loop delay beyond which new calls are refused; 0: never. */
  readonly maxLoopDelayMs: number
  /** Share of V8's heap limit beyond which new calls are refused. */
  readonly maxHeapShare: number
}
