import type { Incident } from '@fluxgate/read-model'
import { z } from 'zod'
import { logReference, timeField } from './fields.ts'
import { isoTime, isoTimeOrNull, quoted } from './text.ts'

export const incidentField = z
  .string()
  .regex(/^inc_[0-9a-z]{8,40}$/, 'must look like inc_…')
  .describe('Incident id, as get_security_incidents prints it.')

export const INCIDENT_STATES = ['opened', 'reported', 'acknowledged', 'closed'] as const

/** What a list tells of an incident. */
export const incidentFields = {
  id: z.string(),
  identity: z.string(),
  rule: z.string(),
  severity: z.string(),
  state: z.enum(INCIDENT_STATES),
  action: z.enum(['observed', 'throttled']),
  openedAt: timeField,
  throttledUntil: timeField.nullable(),
  explanation: z.string(),
  verdict: z.string().nullable().describe('Of the report; null while there is none.'),
  summary: z.string().nullable(),
  reportSource: z
    .enum(['facts', 'model'])
    .nullable()
    .describe('Whether the facts alone or a model wrote the report.'),
}

/** What is told of one incident beyond it. */
export const incidentDetailFields = {
  ...incidentFields,
  numbers: z.record(z.string(), z.number()).describe("The figures that crossed the rule's thresholds."),
  evidence: z.array(logReference).describe('Places in the log.'),
  report: z
    .object({
      verdict: z.string(),
      confidence: z.number(),
      severity: z.string(),
      summary: z.string(),
      likelyCause: z.string(),
      recommendedAction: z.string(),
      evidence: z.array(logReference),
    })
    .nullable(),
  reportModel: z.string().nullable(),
  reportedAt: timeField.nullable(),
  acknowledgedAt: timeField.nullable(),
  acknowledgedBy: z.string().nullable(),
  note: z.string().nullable(),
  closedAt: timeField.nullable(),
  closedBy: z.string().nullable(),
  closeReason: z.string().nullable(),
  joinedInto: z
    .string()
    .nullable()
    .describe('The incident that grew by this finding; that one is followed up.'),
  findings: z.int().describe('Findings that it holds, itself among them.'),
}

export function incidentOf(incident: Incident) {
  return {
    id: incident.id,
    identity: `${incident.userId}.${incident.keyId}`,
    rule: incident.rule,
    severity: incident.severity,
    state: incident.state,
    action: incident.action,
    openedAt: isoTime(incident.openedAt),
    throttledUntil: isoTimeOrNull(incident.until),
    explanation: incident.explanation,
    verdict: incident.report?.verdict ?? null,
    summary: incident.report?.summary ?? null,
    reportSource: incident.reportSource,
  }
}

export function incidentDetailOf(incident: Incident) {
  return {
    ...incidentOf(incident),
    numbers: incident.numbers,
    evidence: incident.evidence,
    report: incident.report,
    reportModel: incident.reportModel,
    reportedAt: isoTimeOrNull(incident.reportedAt),
    acknowledgedAt: isoTimeOrNull(incident.acknowledgedAt),
    acknowledgedBy: incident.acknowledgedBy,
    note: incident.note,
    closedAt: isoTimeOrNull(incident.closedAt),
    closedBy: incident.closedBy,
    closeReason: incident.closeReason,
    joinedInto: incident.joinedInto,
    findings: incident.findings,
  }
}

export function incidentText(incident: ReturnType<typeof incidentOf>): string {
  const throttled = incident.throttledUntil === null ? '' : `, throttled until ${incident.throttledUntil}`
  const report = incident.verdict === null ? '' : `; report (${incident.reportSource}): ${incident.verdict}`
  return (
    `${incident.id} ${incident.severity} ${incident.rule} by ${incident.identity}, ${incident.state}, opened ` +
    `${incident.openedAt}, ${incident.action}${throttled}${report}. ${quoted(incident.explanation)}`
  )
}
