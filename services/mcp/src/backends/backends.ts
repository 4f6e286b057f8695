import type { GatewayNode, GuardPolicy, Identity, StoredEvent, Throttle } from '@fluxgate/contracts'
import type {
  Found,
  RequestSearch,
  RetainedRange,
  StateAt,
  TimelineRange,
  Verdict,
  WhatIfResult,
} from '@fluxgate/forensics'
import type { Actor, Orders, PolicyInForce } from '@fluxgate/operations'
import type {
  AuthEvent,
  AuthEventFilter,
  GatewayMetrics,
  IdentityUsage,
  Incident,
  IncidentState,
  Page,
  ReadAnswer,
  ReadView,
  Request,
  RequestFilter,
  ThrottleRecord,
  UsageReportOptions,
  UsageReportRow,
} from '@fluxgate/read-model'
import type { TokenUse } from './token-use.ts'

/**
 * What tools and resources query and order. Every query throws a `ToolError` when NATS or Postgres does not answer; an
 * order answers with an outcome.
 */
export interface Backends {
  readonly tables: Tables
  readonly log: EventLog
  readonly live: LiveState
  readonly orders: Orders
  readonly sql: SqlReader
  readonly longReads: LongReads
  nowMs(): number
}

/** SQL queries over the views of `reports`, run as a Postgres user that can read nothing else. */
export interface SqlReader {
  views(): Promise<ReadView[]>
  /** `closed`: this server is configured without such a user. */
  ask(
    statement: string,
    maxRows: number,
  ): Promise<ReadAnswer | { readonly ok: false; readonly kind: 'closed' }>
}

/** How far the projection has read a stream. */
export interface Checkpoint {
  readonly version: number
  readonly stream: string
  readonly sequence: number
  readonly eventAt: number | null
}

export interface PageOf {
  readonly limit: number
  /** Cursor of the page before. */
  readonly before?: string | undefined
}

/** The projections in Postgres. */
export interface Tables {
  checkpoints(): Promise<Checkpoint[]>
  metrics(window: { windowMs: number; nowMs: number; limit: number }): Promise<GatewayMetrics>
  topIdentities(scope: { from: number; to: number; nowMs: number; limit: number }): Promise<IdentityUsage[]>
  incidents(
    page: PageOf & { state?: IncidentState | undefined; user?: string | undefined; openOnly?: boolean },
  ): Promise<Page<Incident>>
  incident(id: string): Promise<Incident | undefined>
  throttles(page: PageOf & { identity?: Identity | undefined }): Promise<Page<ThrottleRecord>>
  activeThrottles(nowMs: number, limit: number): Promise<ThrottleRecord[]>
  request(id: string): Promise<Request | undefined>
  requests(filter: RequestFilter): Promise<Page<Request>>
  usageReport(options: UsageReportOptions): Promise<Page<UsageReportRow>>
  authEvents(filter: AuthEventFilter): Promise<Page<AuthEvent>>
  /** Whether any request of the identity is in the tables. */
  hasRequestsOf(identity: Identity): Promise<boolean>
}

export interface StreamState {
  readonly stream: string
  readonly messages: number
  readonly bytes: number
  /** -1: no limit. */
  readonly maxBytes: number
  /** A full stream refuses new events (`new`) or forgets the oldest (`old`). */
  readonly discard: string
  readonly firstSequence: number
  readonly lastSequence: number
  /** Epoch milliseconds; null for an empty stream. */
  readonly lastAt: number | null
  readonly consumers: number
}

/** A user, or one of its keys, and a part of the log. */
export interface TimelineSearch extends TimelineRange {
  readonly user: string
  readonly key: string | undefined
  readonly limit: number
}

/** The log itself, with a limit on the events that one call reads. */
export interface EventLog {
  /** Last position of each stream; undefined while NATS does not answer. */
  heads(streams: readonly string[]): Promise<ReadonlyMap<string, number> | undefined>
  streams(): Promise<StreamState[]>
  tokenUses(identity: Identity, fromMs: number, signal: AbortSignal): Promise<Found<TokenUse>>
  request(search: RequestSearch, signal: AbortSignal): Promise<Found<StoredEvent>>
  /** In the order in which they were stored; `more`: others follow the last. */
  timeline(search: TimelineSearch, signal: AbortSignal): Promise<{ items: StoredEvent[]; more: boolean }>
  /** All events of one incident, in their order. */
  incident(id: string, signal: AbortSignal): Promise<StoredEvent[]>
}

export interface ThrottleEntry {
  /** `<user>.<key>` */
  readonly identity: string
  readonly throttle: Throttle
}

/** The lease record that the leading guard renews. */
export interface GuardLease {
  /** Id of the process; empty when the lease was released. */
  readonly holder: string
  readonly term: number
  /** Epoch milliseconds. */
  readonly renewedAt: number
  /** Position in TOKENS up to which the guard has decided; null when the record has none. */
  readonly sequence: number | null
  /** The same for each stream that it reads. */
  readonly positions: ReadonlyMap<string, number>
}

/** Cancellation and progress of a long read. */
export type ReadProgress = Pick<Call, 'signal' | 'onProgress'>

/** Reads over much of the log, each within a limit of events. */
export interface LongReads {
  /** The longest range of one read. */
  readonly maxRangeMs: number
  stateAt(atMs: number, progress: ReadProgress): Promise<{ state: StateAt; kept: RetainedRange[] }>
  whatIf(
    policy: GuardPolicy,
    range: TimeRange,
    progress: ReadProgress,
  ): Promise<{ result: WhatIfResult; kept: RetainedRange[] }>
  /** Compared with the tables when they answer. */
  verify(range: TimeRange, silenceMs: number, progress: ReadProgress): Promise<Verdict>
}

export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

/** What gateways and guard apply at this moment, read from their buckets. */
export interface LiveState {
  /** All throttles, including those that have ended and were not removed yet. */
  throttles(signal: AbortSignal): Promise<ThrottleEntry[]>
  throttleOf(identity: Identity): Promise<Throttle | undefined>
  guardPolicy(): Promise<PolicyInForce>
  nodes(signal: AbortSignal): Promise<GatewayNode[]>
  /** Undefined when no guard has ever led. */
  guardLease(): Promise<GuardLease | undefined>
}

/** One tool call. */
export interface Call {
  readonly actor: Actor
  /** Aborted when the client cancels, or when the call has taken too long. */
  readonly signal: AbortSignal
  /** Called with the number of events read, and of about how many. */
  readonly onProgress: (done: number, of: number) => void
}
