export { agentProducts } from './agent-products.ts'
export { CHANGING, type ErrorLog, errorOf, READING, send, sendError, TAKING } from './answer.ts'
export {
  AccountsUnavailable,
  type ApiError,
  BUSY,
  done,
  errorAnswer,
  type Outcome,
  type Refused,
  refused,
} from './api-error.ts'
export type { Boundary, Step, StepProbe } from './boundary.ts'
export type { ApiDescription, Paths } from './openapi-document.ts'
export { documented, EMPTY, json, type Operation, type Payload, UNDOCUMENTED } from './operation.ts'
export type { RawReply, ResponseHeaders } from './raw-reply.ts'
export { answerAfter, bodyReader } from './read-body.ts'
export { REFUSAL_TERMS, type Refusal, type RefusalReason, retryHeaders } from './refusal.ts'
export {
  BAD_MODEL,
  type Caller,
  KEYS_UNAVAILABLE,
  type KeyAnswer,
  LOG_FULL,
  type RejectionReason,
  rejection,
  tooLarge,
  unknownModel,
  unknownRoute,
} from './refusal-messages.ts'
export { isFromOwnPage } from './request-source.ts'
export {
  Alive,
  ApiErrorBody,
  budgetUse,
  Changes,
  ClearAddress,
  changed,
  Ended,
  Erased,
  Expires,
  Invitation,
  Key,
  Limited,
  LimitOfOne,
  LoggedIn,
  list,
  Me,
  NamedTier,
  NewInvitation,
  NewKey,
  OwnNewKey,
  Pardoned,
  Ready,
  type ReadyAnswer,
  Refilled,
  Registered,
  RegistrationInfo,
  Role,
  Routing,
  Session,
  Throttled,
  ThrottleInForce,
  User,
} from './schemas.ts'
export { serveOpenApi } from './serve-openapi.ts'
