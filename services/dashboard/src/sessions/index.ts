export {
  actorOf,
  type Gate,
  isStillOperator,
  requireRole,
  requireSameOrigin,
  requireVisitor,
  visitorOf,
} from './gate.http.ts'
export { sessionRoutes } from './session.http.ts'
export { type CookieNames, openSessions, type Sessions } from './sessions.nats.ts'
