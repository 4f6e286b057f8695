import type { Tool } from './tool.ts'
import { acknowledgeIncident } from './tools/acknowledge-incident.ts'
import { authEvents } from './tools/auth-events.ts'
import { closeIncident } from './tools/close-incident.ts'
import { debugGuardState } from './tools/debug-guard-state.ts'
import { getGatewayMetrics } from './tools/get-gateway-metrics.ts'
import { getIncident } from './tools/get-incident.ts'
import { getSecurityIncidents } from './tools/get-security-incidents.ts'
import { identityTimeline } from './tools/identity-timeline.ts'
import { listThrottles } from './tools/list-throttles.ts'
import { pardonIdentity } from './tools/pardon-identity.ts'
import { queryRequests } from './tools/query-requests.ts'
import { runReadQuery } from './tools/run-read-query.ts'
import { stateAtTool } from './tools/state-at.ts'
import { streamHealth } from './tools/stream-health.ts'
import { throttleIdentity } from './tools/throttle-identity.ts'
import { topIdentities } from './tools/top-identities.ts'
import { traceRequest } from './tools/trace-request.ts'
import { usageReport } from './tools/usage-report.ts'
import { verifyLedger } from './tools/verify-ledger.ts'
import { whatIfPolicy } from './tools/what-if-policy.ts'

/** All tools, in the order in which clients list them. */
export const TOOLBOX: readonly Tool[] = Object.freeze([
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
