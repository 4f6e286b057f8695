import type { KeyView, Names } from '../accounts/answers.ts'
import type { UsageView } from '../usage/answers.ts'

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

export interface TimelineEntry {
  readonly id: string
  readonly at: number
  readonly kind: 'auth' | 'throttle' | 'incident' | 'budget'
  /** `key_created`, `imposed`, `pardoned`, `opened`, … */
  readonly fact: string
  readonly actor: string | null
  readonly text: string
  /** View of this page that tells more. */
  readonly href: string | null
}

export interface IdentityDetail {
  readonly identity: string
  readonly user: string
  readonly key: string
  readonly account: {
    readonly email: string | null
    readonly role: string
    readonly tier: string
    readonly createdAt: number
    readonly disabledAt: number | null
  } | null
  readonly keys: readonly KeyView[]
  readonly usage: UsageView
  readonly timeline: readonly TimelineEntry[]
  readonly names: Names
}
