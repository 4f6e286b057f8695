import type { Outcome } from './fault.ts'
import type {
  IdentityPage,
  IncidentDetail,
  IncidentPage,
  IncidentScope,
  IncidentView,
  LiveThrottle,
  NodeView,
  Overview,
  PolicyChangeView,
  PolicyPage,
  PolicyView,
  ThrottlePage,
} from './wire.ts'

/** What an operator may look at. */
export interface Views {
  overview(): Promise<Overview>
  incidents(scope: IncidentScope, before: string | undefined): Promise<IncidentPage>
  incident(id: string): Promise<IncidentDetail | undefined>
  throttles(): Promise<ThrottlePage>
  topIdentities(windowMs: number): Promise<IdentityPage>
  nodes(): readonly NodeView[]
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
