import type { GuardPolicy, IncidentReport, Throttle } from '@fluxgate/contracts'

/**
 * What travels between this server and its page, in JSON. Types alone, so that both sides share them.
 * Times are epoch milliseconds, durations milliseconds, tokens whole numbers.
 */

/** What the log stored in one second. */
export interface Tick {
  /** Start of the second. */
  readonly at: number
  readonly admitted: number
  readonly refused: number
  readonly completed: number
  readonly failed: number
  readonly interrupted: number
  readonly tokens: number
  /** Requests admitted and not ended, at the end of the second; an estimate from what was seen. */
  readonly active: number
  /** Requests decided (admitted or refused) by each gateway node. */
  readonly nodes: Readonly<Record<string, number>>
}

/** An identity in the penalty box. */
export interface LiveThrottle {
  /** `<user>.<key>` */
  readonly identity: string
  readonly throttle: Throttle
}

/** SSE event name → its data. */
export interface LiveFrames {
  /** All that a page needs to begin; replaces what it had of throttles, and adds to its ticks. */
  history: { now: number; ticks: Tick[]; throttles: LiveThrottle[] }
  /** Seconds that are over, and earlier ones that were counted again. */
  tick: { now: number; ticks: Tick[] }
  throttle: { identity: string; throttle: Throttle | null }
  incident: { id: string; fact: string; at: number }
  /** Whether the log is being read; while it is not there are no ticks, rather than zeros. */
  feed: { connected: boolean; now: number }
}
export type LiveFrameName = keyof LiveFrames

export type Role = 'developer' | 'operator'

export interface SessionView {
  readonly user: string
  readonly email: string | null
  readonly role: Role
  readonly tier: string
  readonly expiresAt: number
  /** Where clients send model requests. */
  readonly gatewayUrl: string
  /** The gateway's certificate is its own: clients need it to trust the gateway, and get it from here. */
  readonly hasOwnCertificate: boolean
  /** A model to try: the one that was asked the most of late. */
  readonly model: string
}

export type IncidentState = 'opened' | 'reported' | 'acknowledged' | 'closed'

export interface LogPlace {
  readonly stream: string
  readonly sequence: number
}

export interface IncidentView {
  readonly id: string
  readonly userId: string
  readonly keyId: string
  readonly rule: string
  readonly severity: string
  readonly state: IncidentState
  readonly explanation: string
  readonly numbers: Readonly<Record<string, number>>
  readonly evidence: readonly LogPlace[]
  readonly action: 'observed' | 'throttled'
  readonly until: number | null
  readonly openedAt: number
  readonly report: IncidentReport | null
  readonly reportSource: 'facts' | 'model' | null
  readonly reportModel: string | null
  readonly reportedAt: number | null
  readonly acknowledgedAt: number | null
  readonly acknowledgedBy: string | null
  readonly note: string | null
  readonly closedAt: number | null
  readonly closedBy: string | null
  readonly closeReason: string | null
  /** The incident that grew by this finding: then this one is listed nowhere. */
  readonly joinedInto: string | null
  /** Findings that it holds, itself among them. */
  readonly findings: number
}

export type IncidentScope = 'open' | 'closed' | 'all'

export interface IncidentPage {
  readonly items: readonly IncidentView[]
  /** Cursor of the page after this one. */
  readonly next?: string
  readonly names: Names
}

/** What people call the ids of a list: user id → e-mail and tier, key id → name and beginning. */
export interface Names {
  readonly users: Readonly<Record<string, { email: string | null; tier: string }>>
  readonly keys: Readonly<Record<string, { name: string; prefix: string; last4: string }>>
}

export interface IncidentDetail {
  readonly incident: IncidentView
  readonly names: Names
  /** The throttle in force on its identity now, whoever imposed it. */
  readonly throttle: Throttle | null
}

export interface ThrottleEnd {
  readonly id: string
  readonly identity: string
  readonly state: 'replaced' | 'pardoned' | 'expired'
  readonly rule: string
  readonly reason: string
  readonly imposedAt: number
  readonly endedAt: number | null
  readonly endedBy: string | null
  readonly endReason: string | null
}

export interface ThrottlePage {
  readonly active: readonly LiveThrottle[]
  readonly ended: readonly ThrottleEnd[]
  readonly names: Names
}

export interface IdentityRow {
  readonly userId: string
  readonly keyId: string
  readonly admitted: number
  readonly refused: number
  readonly failed: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly totalTokens: number
  readonly meanDurationMs: number
}

export interface IdentityPage {
  readonly from: number
  readonly to: number
  readonly items: readonly IdentityRow[]
  /** Tokens of all identities in the window, so that a share can be told. */
  readonly totalTokens: number
  readonly names: Names
}

export interface FoundIdentities {
  readonly items: ReadonlyArray<{ readonly userId: string; readonly keyId: string }>
  /** There are more than are listed. */
  readonly more: boolean
  readonly names: Names
}

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

export interface Overview {
  readonly now: number
  readonly openIncidents: readonly IncidentView[]
  /** There are more open incidents than are listed. */
  readonly moreIncidents: boolean
  /** Null while it cannot be known. */
  readonly projection: readonly ProjectionLag[] | null
  readonly nodes: readonly NodeView[]
  readonly names: Names
}

export interface FaultBody {
  readonly error: { readonly code: string; readonly message: string }
}

/** A policy of the guard; null when the guard goes by its environment, or has no shadow. */
export interface PolicyView {
  readonly key: 'guard' | 'guard-shadow'
  readonly policy: GuardPolicy | null
}

export interface PolicyChangeView {
  readonly id: string
  readonly at: number
  /** Which policy: the guard's, its shadow, limits, prices. */
  readonly policy: string
  readonly actor: string
  /** `from` and `to` are JSON texts, absent where nothing stood or stands. */
  readonly changes: ReadonlyArray<{ readonly path: string; readonly from?: string; readonly to?: string }>
}

export interface PolicyPage {
  readonly policies: readonly PolicyView[]
  readonly changes: readonly PolicyChangeView[]
  /** What a guard goes by that nobody has told otherwise. */
  readonly defaults: GuardPolicy
}
