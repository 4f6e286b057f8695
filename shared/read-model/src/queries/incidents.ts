import type { IncidentReport } from '@fluxgate/contracts'
import type { Database } from '../database.ts'
import type { IncidentState, Row } from '../tables.ts'
import { isAfter, type Page, pageLimit, pageOf } from './cursor.ts'

/** Times are epoch milliseconds. */
export interface Incident {
  readonly id: string
  readonly userId: string
  readonly keyId: string
  readonly rule: string
  readonly severity: string
  readonly state: IncidentState
  readonly explanation: string
  /** The figures that crossed the rule's thresholds. */
  readonly numbers: Record<string, number>
  /** Places in the log. */
  readonly evidence: Array<{ stream: string; sequence: number }>
  readonly action: 'observed' | 'throttled'
  /** End of the throttle that came with it. */
  readonly until: number | null
  readonly openedAt: number
  /** Where it was opened: position in INCIDENTS. */
  readonly sequence: number
  readonly report: IncidentReport | null
  readonly reportSource: 'facts' | 'model' | null
  readonly reportModel: string | null
  readonly reportedAt: number | null
  readonly acknowledgedAt: number | null
  readonly acknowledgedBy: string | null
  readonly note: string | null
  readonly closedAt: number | null
  readonly closedBy: string | null
  readonly closeReason: string | null
  /** The incident that grew by this finding. */
  readonly joinedInto: string | null
  /** Findings that it holds, itself among them. */
  readonly findings: number
}

export interface IncidentFilter {
  readonly state?: IncidentState
  readonly user?: string
  /** Leaves out the closed ones. */
  readonly openOnly?: boolean
  /** Leaves out findings that made another incident grow. */
  readonly grownOnly?: boolean
  readonly limit: number
  /** Cursor: `next` of the page before. */
  readonly before?: string
}

/** Newest first. */
export async function listIncidents(db: Database, filter: IncidentFilter): Promise<Page<Incident>> {
  const limit = pageLimit(filter.limit)
  let query = db
    .selectFrom('incidents')
    .selectAll()
    .orderBy('opened_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
  if (filter.state !== undefined) query = query.where('state', '=', filter.state)
  if (filter.user !== undefined) query = query.where('user_id', '=', filter.user)
  if (filter.openOnly) query = query.where('state', '<>', 'closed')
  if (filter.grownOnly) query = query.where('joined_into', 'is', null)
  if (filter.before !== undefined) query = query.where(isAfter(filter.before, 'opened_at', 'id'))
  return pageOf(await query.execute(), limit, incidentOf, row => ({ atMs: row.opened_at, id: row.id }))
}

export async function getIncident(db: Database, id: string): Promise<Incident | undefined> {
  const row = await db.selectFrom('incidents').selectAll().where('id', '=', id).executeTakeFirst()
  return row && incidentOf(row)
}

function incidentOf(row: Row<'incidents'>): Incident {
  return {
    id: row.id,
    userId: row.user_id,
    keyId: row.key_id,
    rule: row.rule,
    severity: row.severity,
    state: row.state,
    explanation: row.explanation,
    numbers: row.numbers,
    evidence: row.evidence,
    action: row.action,
    until: row.until,
    openedAt: row.opened_at,
    sequence: row.sequence,
    report: row.report,
    reportSource: row.report_source,
    reportModel: row.report_model,
    reportedAt: row.reported_at,
    acknowledgedAt: row.acknowledged_at,
    acknowledgedBy: row.acknowledged_by,
    note: row.note,
    closedAt: row.closed_at,
    closedBy: row.closed_by,
    closeReason: row.close_reason,
    joinedInto: row.joined_into,
    findings: row.findings,
  }
}
