export type { DeadLetterPage, DeadLetterView } from '@fluxgate/operations/views'

export interface NodeView {
  readonly node: string
  readonly address: string
  readonly port: number
  readonly started: number
  readonly heartbeat: number
}

/** How far the read models are behind one stream of the log. */
export interface ProjectionLag {
  readonly projection: string
  readonly stream: string
  readonly sequence: number
  /** Messages in the log that the tables do not hold yet. */
  readonly behind: number
  /** Age of the position while there is more to read; 0 when all is read. */
  readonly lagMs: number
}

/** One upstream as one gateway sees it. */
export interface UpstreamView {
  readonly name: string
  readonly url: string
  readonly healthy: boolean
  readonly circuit: 'closed' | 'open' | 'half_open'
  readonly opensInMs: number
  readonly inFlight: number
  readonly maxInFlight: number
  readonly weight: number
  readonly models: readonly string[] | null
  readonly latencyMs: number | null
  readonly calls: number
  readonly failures: number
  readonly lastError: { readonly code: string; readonly message: string; readonly at: number } | null
}

/** What one gateway tells of its upstreams, or why it does not. */
export interface GatewayReport {
  readonly url: string
  readonly error: string | null
  readonly upstreams: readonly UpstreamView[]
  /** Calls that wait for a free upstream. */
  readonly waiting: number
  readonly retries: number
  readonly fallbacks: number
  /** Why the file of upstreams as it is now is not in force. */
  readonly fileError: string | null
}

export interface StreamView {
  readonly stream: string
  readonly messages: number
  readonly bytes: number
  /** 0 for no limit. */
  readonly maxBytes: number
  readonly firstAt: number | null
  readonly lastAt: number | null
  readonly lastSequence: number
  /** So full that an operator should know: what has to be there is dropped, or soon is. */
  readonly needsRoom: boolean
}

/** Who works a stream off with a durable, and how far it is behind. */
export interface ConsumerView {
  readonly stream: string
  readonly name: string
  /** Messages that it has not been given yet. */
  readonly pending: number
  /** Given and not answered. */
  readonly unanswered: number
  readonly redelivered: number
}

export interface SystemView {
  readonly now: number
  readonly nodes: readonly NodeView[]
  /** Null where no admin token was given: the gateways cannot be asked. */
  readonly gateways: readonly GatewayReport[] | null
  /** All that follows is null while the event log is away. */
  readonly streams: readonly StreamView[] | null
  readonly consumers: readonly ConsumerView[] | null
  readonly projection: readonly ProjectionLag[] | null
  /** Those that nobody has put back. */
  readonly deadLetters: number | null
}
