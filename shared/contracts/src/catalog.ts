import type { Static } from 'typebox'
import type { EventDefinition, EventOf } from './envelope.ts'
import * as auth from './events/auth.ts'
import * as incidents from './events/incidents.ts'
import * as requests from './events/requests.ts'
import * as throttles from './events/throttles.ts'
import * as tokens from './events/tokens.ts'

/** Every event there is, in its current version. */
export const EVENTS = [
  requests.RequestAdmitted,
  requests.RequestRefused,
  requests.RequestCompleted,
  requests.RequestFailed,
  requests.RequestInterrupted,
  tokens.TokensProgressed,
  tokens.TokensSettled,
  tokens.BudgetCrossed,
  auth.UserRegistered,
  auth.LoginSucceeded,
  auth.LoginFailed,
  auth.LoggedOut,
  auth.KeyCreated,
  auth.KeyRevoked,
  auth.KeyAccepted,
  auth.KeyRejected,
  auth.TierChanged,
  auth.PasswordChanged,
  auth.UserDisabled,
  auth.UserEnabled,
  auth.UserErased,
  auth.InvitationCreated,
  auth.InvitationRevoked,
  auth.PolicyChanged,
  auth.OperatorOrdered,
  auth.LetterReplayed,
  throttles.ThrottleImposed,
  throttles.ThrottlePardoned,
  throttles.ThrottleExpired,
  throttles.ThrottleShadowed,
  incidents.IncidentOpened,
  incidents.IncidentReported,
  incidents.IncidentJoined,
  incidents.IncidentAcknowledged,
  incidents.IncidentClosed,
] as const

/** Any event of the log; `switch (event.type)` narrows `event.data`. */
export type FluxgateEvent = EventOf<(typeof EVENTS)[number]>
export type EventName = (typeof EVENTS)[number]['name']
export type EventNamed<Name extends EventName> = Extract<FluxgateEvent, { type: `fluxgate.${Name}` }>
export type DataOf<D extends EventDefinition> = Static<D['data']>

export const eventByType: ReadonlyMap<string, EventDefinition> = new Map(EVENTS.map(e => [e.type, e]))
