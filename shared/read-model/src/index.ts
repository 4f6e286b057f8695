export { type ErasedUser, eraseUser } from './accounts/erase-user.ts'
export {
  createInvitation,
  createInvitedUser,
  ENDED_INVITATION_MS,
  findOpenInvitation,
  type Invitation,
  listInvitations,
  type NewInvitation,
  revokeInvitation,
} from './accounts/invitations.ts'
export {
  type ApiKey,
  createKey,
  findKeyByHash,
  findKeyById,
  type KeyIdentity,
  listKeys,
  type NewKey,
  revokeKey,
  touchKeys,
} from './accounts/keys.ts'
export {
  createSession,
  deleteOldSessions,
  endAllSessions,
  endSession,
  findSession,
  listSessions,
  SESSION_IDLE_MS,
  type Session,
  type SessionWithUser,
  useSession,
} from './accounts/sessions.ts'
export {
  createUser,
  ensureOperator,
  findUserByEmail,
  findUserById,
  hasOperator,
  listUsers,
  type NewUser,
  setDisabled,
  setRole,
  setTier,
  type User,
  type UserCreation,
} from './accounts/users.ts'
export { type Database, type DatabaseOptions, openDatabase, type PoolFigures } from './database.ts'
export { migrateToLatest, readMigrations, runScript } from './migrations.ts'
export { type AsOf, asOf } from './queries/as-of.ts'
export { type AuthEvent, type AuthEventFilter, authEvents } from './queries/auth-events.ts'
export { type BudgetCrossing, type BudgetFilter, budgetCrossings } from './queries/budgets.ts'
export { CursorError, MAX_LIMIT, type Page } from './queries/cursor.ts'
export { getIncident, type Incident, type IncidentFilter, listIncidents } from './queries/incidents.ts'
export {
  type LatencyPoint,
  type LatencyScope,
  type LatencySummary,
  latencySeries,
  latencyTotal,
} from './queries/latency.ts'
export { type GatewayMetrics, gatewayMetrics, requestTotals, type Totals } from './queries/metrics.ts'
export {
  openQuestions,
  type Questions,
  type QuestionsOptions,
  type ReadAnswer,
  type ReadLimits,
  type ReadView,
  readViews,
} from './queries/read-query.ts'
export { getRequest, listRequests, type Request, type RequestFilter } from './queries/requests.ts'
export { SETTLED_COLUMNS, type SettledView, settledView } from './queries/settled.ts'
export {
  currentThrottle,
  listThrottles,
  type ThrottleFilter,
  type ThrottleRecord,
} from './queries/throttles.ts'
export {
  type IdentityUsage,
  MAX_POINTS,
  topIdentities,
  type Usage,
  type UsageBucket,
  type UsageGroup,
  type UsagePoint,
  type UsageScope,
  usageByModel,
  usageSeries,
  usageTotal,
} from './queries/usage.ts'
export { type UsageReportOptions, type UsageReportRow, usageReport } from './queries/usage-report.ts'
export * from './tables.ts'
