import type { MadeKey, TierView, UserDetail, UserPage } from '../accounts/answers.ts'
import type { Outcome } from '../http/error.ts'
import type { FoundIdentities, IdentityDetail, IdentityPage } from '../identities/answers.ts'
import type {
  IncidentDetail,
  IncidentPage,
  IncidentScope,
  IncidentView,
  ThrottlePage,
} from '../incidents/answers.ts'
import type { LiveThrottle } from '../live/answers.ts'
import type { Overview } from '../overview/answers.ts'
import type { PolicyChangeView, PolicyPage, PolicyView, ShadowPage } from '../policy/answers.ts'
import type { DeadLetterPage, DeadLetterView, SystemView } from '../system/answers.ts'
import type { MetricsView, RangeName, UsageView } from '../usage/answers.ts'

/** What an operator may look at. */
export interface Views {
  overview(): Promise<Overview>
  incidents(scope: IncidentScope, before: string | undefined): Promise<IncidentPage>
  incident(id: string): Promise<IncidentDetail | undefined>
  throttles(): Promise<ThrottlePage>
  /** By parts of an id, an address, or a key's name or ends. */
  findIdentities(text: string): Promise<FoundIdentities>
  topIdentities(windowMs: number): Promise<IdentityPage>
  system(): Promise<SystemView>
  metrics(range: RangeName): Promise<MetricsView>
  /** Undefined when the text is no identity. */
  identity(text: string, range: RangeName): Promise<IdentityDetail | undefined>
  shadowed(): Promise<ShadowPage>
}

/** What a developer may look at: one's own. */
export interface OwnViews {
  usage(visitor: { readonly user: string; readonly tier: string }, range: RangeName): Promise<UsageView>
}

/** Events that could not be read or handled. */
export interface DeadLetters {
  /** Newest first; `before` is a sequence. */
  page(before: number | undefined): Promise<DeadLetterPage>
  /** Puts one back to where it came from, once. */
  replay(sequence: number, actor: string, reason: string): Promise<Outcome<DeadLetterView>>
}

/** Whom an order is about, who gives it, and why. */
export interface PersonOrder {
  readonly user: string
  readonly actor: string
  readonly reason: string
}

/** Users and their keys. */
export interface People {
  users(search: { readonly text?: string }): Promise<UserPage>
  user(id: string): Promise<UserDetail | undefined>
  tiers(): Promise<Outcome<readonly TierView[]>>
  create(
    order: PersonOrder,
    account: { readonly tier: string; readonly role: string },
  ): Promise<Outcome<unknown>>
  setTier(order: PersonOrder, tier: string): Promise<Outcome<unknown>>
  setRole(order: PersonOrder, role: string): Promise<Outcome<unknown>>
  setDisabled(order: PersonOrder, isDisabled: boolean): Promise<Outcome<unknown>>
  createKey(
    order: PersonOrder,
    key: { readonly name: string; readonly expiresInDays?: number },
  ): Promise<Outcome<MadeKey>>
  revokeKey(order: PersonOrder, key: string): Promise<Outcome<unknown>>
}

export interface ThrottleOrder {
  readonly identity: string
  /** Tokens, and tokens per second. */
  readonly capacity: number
  readonly refillRate: number
  readonly seconds: number
  readonly reason: string
}

/** What an operator may order. `actor` is who does it, as the log will tell. */
export interface Orders {
  pardon(identity: string, actor: string, reason: string): Promise<Outcome<{ identity: string }>>
  throttle(order: ThrottleOrder, actor: string): Promise<Outcome<LiveThrottle>>
  acknowledge(incident: string, actor: string, note: string): Promise<Outcome<IncidentView>>
  close(incident: string, actor: string, reason: string): Promise<Outcome<IncidentView>>
}

/** The guard's policies. What is not valid is refused with the reason, and the one before stays. */
export interface Policies {
  all(): Promise<PolicyPage>
  change(
    key: PolicyView['key'],
    policy: object | undefined,
    actor: string,
  ): Promise<Outcome<Pick<PolicyChangeView, 'changes'>>>
}
