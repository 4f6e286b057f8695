import type { LogPosition } from '@fluxgate/contracts'

/** What a log that lost, doubled or changed an event is guilty of. */
export type ViolationKind =
  /** A request admitted, ended or settled more than once. */
  | 'admitted_twice'
  | 'ended_twice'
  | 'settled_twice'
  /** Ended or settled, and never admitted. */
  | 'never_admitted'
  /** Admitted and settled, or silent for too long. */
  | 'never_ended'
  /** Ended, and never settled. */
  | 'never_settled'
  | 'refused_and_admitted'
  /** Its events name different identities. */
  | 'identity_changed'
  /** Its events name different models or tiers. */
  | 'model_changed'
  | 'tier_changed'
  /** The sums of an identity do not add up. */
  | 'unbalanced'
  /** Messages that a stream had numbered and does not hold. */
  | 'deleted_from_stream'
  /** One event of one publisher in two messages. */
  | 'stored_twice'
  /** A settlement's total is not the sum of its parts. */
  | 'wrong_total'
  /** A settlement reserved otherwise than its admission, or its progress does not add up to what it says. */
  | 'wrong_reservation'
  | 'wrong_progress'
  /** Stored under a subject that does not say what the event says. */
  | 'wrong_subject'
  /** Numbers that a publisher had given and no stream holds. */
  | 'missing_from_source'
  | 'unreadable'
  | 'dead_letter'
  /** The tables hold another sum than the log, or hold more than the log. */
  | 'projected_otherwise'
  | 'tables_ahead_of_log'

export interface Violation {
  readonly offence: ViolationKind
  /** In one sentence. */
  readonly detail: string
  readonly identity?: string
  readonly request?: string
  readonly places: readonly LogPosition[]
}
