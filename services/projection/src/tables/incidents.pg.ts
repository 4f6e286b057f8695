import type { IncidentPatch, OpenedIncident } from './incidents.ts'
import { type Column, manyRows } from './rows.pg.ts'

const OPENED: ReadonlyArray<Column<OpenedIncident>> = [
  { name: 'id', type: 'text', of: row => row.id },
  { name: 'user_id', type: 'text', of: row => row.user },
  { name: 'key_id', type: 'text', of: row => row.key },
  { name: 'rule', type: 'text', of: row => row.rule },
  { name: 'severity', type: 'text', of: row => row.severity },
  { name: 'explanation', type: 'text', of: row => row.explanation },
  { name: 'numbers', type: 'jsonb', of: row => row.numbers },
  { name: 'evidence', type: 'jsonb', of: row => row.evidence },
  { name: 'action', type: 'text', of: row => row.action },
  { name: 'until', type: 'time', of: row => row.untilMs },
  { name: 'opened_at', type: 'time', of: row => row.openedAtMs },
  { name: 'sequence', type: 'bigint', of: row => row.sequence },
  { name: 'state', type: 'text', of: () => 'opened' },
]

export const insertIncidents = manyRows(
  OPENED,
  (source, names) => `insert into incidents (${names}) ${source} on conflict (id) do nothing`,
)

const PATCHED: ReadonlyArray<Column<IncidentPatch>> = [
  { name: 'id', type: 'text', of: row => row.id },
  { name: 'report', type: 'jsonb', of: row => row.report },
  { name: 'report_source', type: 'text', of: row => row.reportSource },
  { name: 'report_model', type: 'text', of: row => row.reportModel },
  { name: 'reported_at', type: 'time', of: row => row.reportedAtMs },
  { name: 'acknowledged_at', type: 'time', of: row => row.acknowledgedAtMs },
  { name: 'acknowledged_by', type: 'text', of: row => row.acknowledgedBy },
  { name: 'note', type: 'text', of: row => row.note },
  { name: 'closed_at', type: 'time', of: row => row.closedAtMs },
  { name: 'closed_by', type: 'text', of: row => row.closedBy },
  { name: 'close_reason', type: 'text', of: row => row.closeReason },
  { name: 'joined_into', type: 'text', of: row => row.joinedInto },
  { name: 'findings', type: 'integer', of: row => row.findings },
]

const REPORT = ['report', 'report_source', 'report_model', 'reported_at']
const FIRST = [
  'acknowledged_at',
  'acknowledged_by',
  'note',
  'closed_at',
  'closed_by',
  'close_reason',
  'joined_into',
]

/** The report: a model's supersedes one from the events, a later one of a kind the earlier. All else: the first counts. */
export const patchIncidents = manyRows(PATCHED, source => {
  const supersedes = `new.report is not null and (old.report is null
    or (new.report_source = 'model' and old.report_source = 'facts')
    or (new.report_source = old.report_source and new.reported_at >= old.reported_at))`
  const sets = [
    ...REPORT.map(name => `${name} = case when ${supersedes} then new.${name} else old.${name} end`),
    ...FIRST.map(name => `${name} = coalesce(old.${name}, new.${name})`),
    'findings = greatest(old.findings, new.findings)',
    `state = case when coalesce(old.closed_at, new.closed_at) is not null then 'closed'
      when coalesce(old.acknowledged_at, new.acknowledged_at) is not null then 'acknowledged'
      when coalesce(old.report, new.report) is not null then 'reported' else 'opened' end`,
  ]
  return `update incidents as old set ${sets.join(', ')} from (${source}) as new where old.id = new.id`
})
