import type { Names } from '../accounts/answers.ts'

export type { PolicyChangeView, PolicyPage, PolicyView } from '@fluxgate/operations/views'

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
