import {
  asOf,
  authEvents,
  CursorError,
  type Database,
  gatewayMetrics,
  getIncident,
  getRequest,
  listIncidents,
  listRequests,
  listThrottles,
  topIdentities,
  usageReport,
} from '@fluxgate/read-model'
import type { PageOf, Tables } from '../core/desk.ts'
import { Fault } from '../core/fault.ts'

const AWAY =
  'The read model (Postgres) is unavailable, so this question cannot be answered. ' +
  'Tools that read the log and its buckets still work: list_throttles, debug_guard_state, stream_health.'
const BAD_CURSOR = 'Invalid cursor. Leave it out to start with the newest.'

export function openTables(db: Database): Tables {
  return {
    checkpoints: () => asked(asOf(db)),
    metrics: window => asked(gatewayMetrics(db, window)),
    topIdentities: scope => asked(topIdentities(db, scope)),
    incidents: ({ state, user, openOnly = false, ...page }) =>
      asked(
        listIncidents(db, {
          ...pageFilter(page),
          openOnly,
          ...(state === undefined ? {} : { state }),
          ...(user === undefined ? {} : { user }),
        }),
      ),
    incident: id => asked(getIncident(db, id)),
    throttles: ({ identity, ...page }) => asked(listThrottles(db, { ...pageFilter(page), ...identity })),
    activeThrottles: async (nowMs, limit) =>
      (await asked(listThrottles(db, { activeAt: nowMs, limit }))).items,
    requests: filter => asked(listRequests(db, filter)),
    usageReport: options => asked(usageReport(db, options)),
    authEvents: filter => asked(authEvents(db, filter)),
    request: id => asked(getRequest(db, id)),
    hasRequestsOf: async identity =>
      (await asked(listRequests(db, { ...identity, limit: 1 }))).items.length > 0,
  }
}

function pageFilter({ limit, before }: PageOf): { limit: number; before?: string } {
  return { limit, ...(before === undefined ? {} : { before }) }
}

/** @throws Fault */
export async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof CursorError) throw new Fault('FLUXGATE_BAD_CURSOR', BAD_CURSOR, { cause: error })
    throw new Fault('FLUXGATE_READ_MODEL_AWAY', AWAY, { cause: error })
  }
}
