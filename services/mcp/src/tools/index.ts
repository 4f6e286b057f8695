import type { Tool } from '../calls/index.ts'
import { authEvents } from './events/auth-events.ts'
import { identityTimeline } from './events/identity-timeline.ts'
import { debugGuardState } from './guard/debug-guard-state.ts'
import { whatIfPolicy } from './guard/what-if-policy.ts'
import { getIncident } from './incidents/get-incident.ts'
import { getSecurityIncidents } from './incidents/get-security-incidents.ts'
import { acknowledgeIncident, closeIncident } from './incidents/incident-orders.ts'
import { stateAtTool } from './log/state-at.ts'
import { streamHealth } from './log/stream-health.ts'
import { verifyLedger } from './log/verify-ledger.ts'
import { queryRequests } from './requests/query-requests.ts'
import { traceRequest } from './requests/trace-request.ts'
import { runReadQuery } from './sql/run-read-query.ts'
import { listThrottles } from './throttles/list-throttles.ts'
import { pardonIdentity } from './throttles/pardon-identity.ts'
import { throttleIdentity } from './throttles/throttle-identity.ts'
import { getGatewayMetrics } from './usage/get-gateway-metrics.ts'
import { topIdentities } from './usage/top-identities.ts'
import { usageReport } from './usage/usage-report.ts'

/** All tools, in the order in which clients list them. */
export const TOOLS: readonly Tool[] = Object.freeze([
  ...[
    getGatewayMetrics,
    usageReport,
    topIdentities,
    queryRequests,
    traceRequest,
    identityTimeline,
    authEvents,
  ],
  ...[getSecurityIncidents, getIncident, listThrottles, debugGuardState, streamHealth, runReadQuery],
  ...[stateAtTool, whatIfPolicy, verifyLedger],
  ...[acknowledgeIncident, closeIncident, pardonIdentity, throttleIdentity],
])
