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

/** What tools ask and order. Every call throws a `ToolError` when what it depends on does not answer. */
export interface Backends {
  readonly tables: Tables
  readonly log: EventLog
  readonly control: Control
  readonly sql: SqlReader
  readonly longReads: LongReads
  /** What the guard goes by while none is stored for it. */
  readonly defaultPolicy: GuardPolicy
  nowMs(): number
}

/** The views that questions in SQL may read, asked as a user that can do nothing else. */
export interface SqlReader {
  views(): Promise<ReadView[]>
  /** `closed`: this server was given no such user. */
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

/** A user, or one of its keys, and what of the log about it. */
export interface TimelineSearch extends TimelineRange {
  readonly user: string
  readonly key: string | undefined
  readonly limit: number
}

/** The log itself, with a limit on how much of it one question may read. */
export interface EventLog {
  /** Last position of each stream; undefined when the log cannot be asked just now. */
  heads(streams: readonly string[]): Promise<ReadonlyMap<string, number> | undefined>
  streams(): Promise<StreamState[]>
  tokenUses(identity: Identity, fromMs: number, signal: AbortSignal): Promise<Found<TokenUse>>
  request(search: RequestSearch, signal: AbortSignal): Promise<Found<StoredEvent>>
  /** In the order in which they were stored; `more` when there are others behind the last. */
  timeline(search: TimelineSearch, signal: AbortSignal): Promise<{ items: StoredEvent[]; more: boolean }>
  /** All facts about one incident, in their order. */
  incident(id: string, signal: AbortSignal): Promise<StoredEvent[]>
}

export interface ThrottleEntry {
  /** `<user>.<key>` */
  readonly identity: string
  readonly throttle: Throttle
  /** The bucket's revision at which it was put. */
  readonly revision: number
}

export interface PolicyEntry<T> {
  readonly value: T
  readonly revision: number
}

/** Who leads, and how far it has come: the record that the leading guard renews. */
export interface GuardLease {
  /** One word per process; empty when it was given back. */
  readonly holder: string
  readonly term: number
  /** Epoch milliseconds. */
  readonly renewedAt: number
  /** Position in TOKENS up to which the guard has decided; null when it has not told one. */
  readonly sequence: number | null
  /** The same for each stream that it reads. */
  readonly positions: ReadonlyMap<string, number>
}

/** How a long reading is followed and ended. */
export type ReadProgress = Pick<Call, 'signal' | 'onProgress'>

/** Work over much of the log, each within a limit of events that it may read. */
export interface LongReads {
  /** The longest range that may be asked for. */
  readonly maxRangeMs: number
  stateAt(atMs: number, following: ReadProgress): Promise<{ state: StateAt; kept: RetainedRange[] }>
  whatIf(
    policy: GuardPolicy,
    range: TimeRange,
    following: ReadProgress,
  ): Promise<{ result: WhatIfResult; kept: RetainedRange[] }>
  /** Compared with the tables when they answer. */
  verify(range: TimeRange, silenceMs: number, following: ReadProgress): Promise<Verdict>
}

export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

/** The buckets through which the gateways and the guard are told what to do. */
export interface Control {
  /** Everything in the penalty box, ended throttles that nobody has removed included. */
  throttles(signal: AbortSignal): Promise<ThrottleEntry[]>
  throttleOf(identity: Identity): Promise<Throttle | undefined>
  guardPolicy(): Promise<PolicyEntry<GuardPolicy> | undefined>
  nodes(signal: AbortSignal): Promise<GatewayNode[]>
  /** Undefined when no guard has ever led. */
  guardLease(): Promise<GuardLease | undefined>
  /** False when there was no throttle in force. Resolves when the fact is in the log. */
  pardon(identity: Identity, actor: string, reason: string): Promise<boolean>
  impose(identity: Identity, throttle: Throttle): Promise<void>
  /** These resolve when the fact is in the log. */
  acknowledge(incident: string, actor: string, note: string): Promise<void>
  close(incident: string, actor: string, reason: string): Promise<void>
}

/** One tool call: who makes it, and until when the answer is of use. */
export interface Call {
  readonly actor: string
  readonly signal: AbortSignal
  /** Told now and then how far long work is. */
  readonly onProgress: (done: number, of: number) => void
}
