import type { GuardPolicy } from '@fluxgate/contracts'

/** Keys of bucket `policy` that hold a policy of the guard: the one in force, and one that is only watched. */
export const GUARD_POLICY_KEYS = Object.freeze({ live: 'guard', shadow: 'guard-shadow' })
export type GuardPolicyKey = (typeof GUARD_POLICY_KEYS)[keyof typeof GUARD_POLICY_KEYS]

/** One difference between two policies; `from` and `to` are JSON texts, absent where there was or is no value. */
export interface PolicyChange {
  readonly path: string
  readonly from?: string
  readonly to?: string
}

/** A policy of the guard; null when none is stored: the guard applies its default, or has no shadow policy. */
export interface PolicyView {
  readonly key: GuardPolicyKey
  readonly policy: GuardPolicy | null
}

export interface PolicyChangeView {
  readonly id: string
  /** Epoch milliseconds. */
  readonly at: number
  /** Which policy: the guard's, its shadow, limits, prices. */
  readonly policy: string
  readonly actor: string
  readonly changes: readonly PolicyChange[]
}

export interface PolicyPage {
  readonly policies: readonly PolicyView[]
  /** Newest first. */
  readonly changes: readonly PolicyChangeView[]
  /** What the guard applies while no policy is stored. */
  readonly defaults: GuardPolicy
}

/** A message or event that could not be read or handled. */
export interface DeadLetterView {
  readonly sequence: number
  readonly at: number
  readonly reason: string
  readonly consumer: string
  /** The stream, position and subject that it had. */
  readonly stream: string
  readonly original: number
  /** Of an event in its batch. */
  readonly originalIndex: number | undefined
  readonly subject: string
  /** Id of the event; null when the message has none, so that it cannot be replayed. */
  readonly event: string | null
  /** The beginning of the message's text. */
  readonly body: string
  readonly bytes: number
  readonly replayed: { readonly at: number; readonly by: string; readonly reason: string } | null
}

export interface DeadLetterPage {
  /** Newest first. */
  readonly items: readonly DeadLetterView[]
  /** Ask for those before this sequence. */
  readonly next: number | null
}
