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
  type Questions,
  type ReadLimits,
  readViews,
  topIdentities,
  usageReport,
} from '@fluxgate/read-model'
import type { PageOf, SqlReader, Tables } from './backends.ts'
import { ToolError } from './tool-error.ts'

const AWAY =
  'The read model (Postgres) is unavailable, so this question cannot be answered. ' +
  'Tools that read the log and its buckets still work: list_throttles, debug_guard_state, stream_health.'
const BAD_CURSOR = 'Invalid cursor. Leave it out to start with the newest.'

export function openTables(db: Database): Tables {
  return {
    checkpoints: () => askPostgres(asOf(db)),
    metrics: window => askPostgres(gatewayMetrics(db, window)),
    topIdentities: scope => askPostgres(topIdentities(db, scope)),
    incidents: ({ state, user, openOnly = false, ...page }) =>
      askPostgres(
        listIncidents(db, {
          ...pageFilter(page),
          openOnly,
          ...(state === undefined ? {} : { state }),
          ...(user === undefined ? {} : { user }),
        }),
      ),
    incident: id => askPostgres(getIncident(db, id)),
    throttles: ({ identity, ...page }) =>
      askPostgres(listThrottles(db, { ...pageFilter(page), ...identity })),
    activeThrottles: async (nowMs, limit) =>
      (await askPostgres(listThrottles(db, { activeAt: nowMs, limit }))).items,
    requests: filter => askPostgres(listRequests(db, filter)),
    usageReport: options => askPostgres(usageReport(db, options)),
    authEvents: filter => askPostgres(authEvents(db, filter)),
    request: id => askPostgres(getRequest(db, id)),
    hasRequestsOf: async identity =>
      (await askPostgres(listRequests(db, { ...identity, limit: 1 }))).items.length > 0,
  }
}

function pageFilter({ limit, before }: PageOf): { limit: number; before?: string } {
  return { limit, ...(before === undefined ? {} : { before }) }
}

/** @throws ToolError */
export async function askPostgres<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof CursorError) throw new ToolError('FLUXGATE_BAD_CURSOR', BAD_CURSOR, { cause: error })
    throw new ToolError('FLUXGATE_READ_MODEL_AWAY', AWAY, { cause: error })
  }
}

/** @param questions absent: this server has no user to ask them as */
export function openSqlReader(
  db: Database,
  questions: Questions | undefined,
  limits: Omit<ReadLimits, 'maxRows'>,
): SqlReader {
  return {
    views: () => askPostgres(readViews(db)),
    ask: async (statement, maxRows) =>
      questions === undefined
        ? { ok: false, kind: 'closed' }
        : await askPostgres(questions.ask(statement, { ...limits, maxRows })),
  }
}
