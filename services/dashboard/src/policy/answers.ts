import type { GuardPolicy } from '@fluxgate/contracts'
import type { Names } from '../accounts/answers.ts'

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

/** A finding of the shadow policy. */
export interface ShadowedView {
  readonly id: string
  readonly at: number
  readonly identity: string
  readonly rule: string
  readonly severity: string
  readonly explanation: string
  readonly action: 'observe' | 'throttle' | 'block'
  readonly until: number
  /** The policy in force opened the same incident: then there is no difference. */
  readonly incident: string | null
}

export interface ShadowPage {
  /** Newest first. */
  readonly items: readonly ShadowedView[]
  readonly more: boolean
  readonly sinceMs: number
  readonly names: Names
}
