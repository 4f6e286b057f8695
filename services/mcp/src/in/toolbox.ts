import type { Tool } from './tool.ts'
import { debugGuardState } from './tools/debug-guard-state.ts'
import { getGatewayMetrics } from './tools/get-gateway-metrics.ts'
import { getIncident } from './tools/get-incident.ts'
import { getSecurityIncidents } from './tools/get-security-incidents.ts'
import { listThrottles } from './tools/list-throttles.ts'
import { pardonIdentity } from './tools/pardon-identity.ts'
import { streamHealth } from './tools/stream-health.ts'
import { throttleIdentity } from './tools/throttle-identity.ts'
import { topIdentities } from './tools/top-identities.ts'
import { traceRequest } from './tools/trace-request.ts'

/** All tools, in the order in which clients list them. */
export const TOOLBOX: readonly Tool[] = Object.freeze([
  getGatewayMetrics,
  topIdentities,
  getSecurityIncidents,
  getIncident,
  listThrottles,
  debugGuardState,
  traceRequest,
  streamHealth,
  pardonIdentity,
  throttleIdentity,
])
