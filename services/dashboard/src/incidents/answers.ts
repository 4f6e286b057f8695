import type { IncidentReport, Throttle } from '@fluxgate/contracts'
import type { Names } from '../accounts/answers.ts'
import type { LiveThrottle, LogPosition } from '../live/answers.ts'

export type IncidentState = 'opened' | 'reported' | 'acknowledged' | 'closed'

export interface IncidentView {
  readonly id: string
  readonly userId: string
  readonly keyId: string
  readonly rule: string
  readonly severity: string
  readonly state: IncidentState
  readonly explanation: string
  readonly numbers: Readonly<Record<string, number>>
  readonly evidence: readonly LogPosition[]
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
