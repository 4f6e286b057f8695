import type { EventNamed, LogEvent } from '@fluxgate/contracts'
import { epochMs, timeOf } from './log.ts'
import { cleanJson, cleanText } from './text.ts'

/** Times are epoch milliseconds. */
export interface OpenedIncident {
  readonly id: string
  readonly user: string
  readonly key: string
  readonly rule: string
  readonly severity: string
  readonly explanation: string
  /** JSON */
  readonly numbers: string
  /** JSON */
  readonly evidence: string
  readonly action: 'observed' | 'throttled'
  readonly untilMs: number | null
  readonly openedAtMs: number
  readonly sequence: number
}

/** What became of an incident. The stored row keeps its first acknowledgement and closing. */
export interface IncidentPatch {
  readonly id: string
  /** JSON */
  report: string | null
  reportSource: 'facts' | 'model' | null
  reportModel: string | null
  reportedAtMs: number | null
  acknowledgedAtMs: number | null
  acknowledgedBy: string | null
  note: string | null
  closedAtMs: number | null
  closedBy: string | null
  closeReason: string | null
  joinedInto: string | null
  findings: number | null
}

export interface IncidentChanges {
  readonly opened: OpenedIncident[]
  readonly patches: IncidentPatch[]
}

export function foldIncidents(entries: Iterable<LogEvent>): IncidentChanges {
  const opened = new Map<string, OpenedIncident>()
  const patches = new Map<string, IncidentPatch>()
  for (const entry of entries) {
    const { event } = entry
    switch (event.type) {
      case 'fluxgate.incidents.opened':
        if (!opened.has(event.data.incident)) opened.set(event.data.incident, openedIncident(entry, event))
        break
      case 'fluxgate.incidents.reported':
        report(patchFor(patches, event.data.incident), timeOf(entry), event)
        break
      case 'fluxgate.incidents.joined': {
        const { incident, into, findings } = event.data
        patchFor(patches, incident).joinedInto ??= into
        const grown = patchFor(patches, into)
        grown.findings = Math.max(grown.findings ?? 1, findings)
        break
      }
      case 'fluxgate.incidents.acknowledged': {
        const patch = patchFor(patches, event.data.incident)
        if (patch.acknowledgedAtMs !== null) break
        patch.acknowledgedAtMs = timeOf(entry)
        patch.acknowledgedBy = cleanText(event.data.actor)
        patch.note = cleanText(event.data.note)
        break
      }
      case 'fluxgate.incidents.closed': {
        const patch = patchFor(patches, event.data.incident)
        if (patch.closedAtMs !== null) break
        patch.closedAtMs = timeOf(entry)
        patch.closedBy = cleanText(event.data.actor)
        patch.closeReason = cleanText(event.data.reason)
        break
      }
    }
  }
  return { opened: [...opened.values()], patches: [...patches.values()] }
}

/** A model's report supersedes the one from the events; of two of a kind, the later stands. */
function report(
  patch: IncidentPatch,
  reportedAtMs: number,
  { data }: EventNamed<'incidents.reported'>,
): void {
  if (patch.reportSource === 'model' && data.source === 'facts') return
  if (patch.reportSource === data.source && reportedAtMs < patch.reportedAtMs!) return
  patch.report = cleanJson(data.report)
  patch.reportSource = data.source
  patch.reportModel = data.model === undefined ? null : cleanText(data.model)
  patch.reportedAtMs = reportedAtMs
}

function openedIncident(entry: LogEvent, { data }: EventNamed<'incidents.opened'>): OpenedIncident {
  return {
    id: data.incident,
    user: data.user,
    key: data.key,
    rule: cleanText(data.rule),
    severity: data.severity,
    explanation: cleanText(data.explanation),
    numbers: cleanJson(data.numbers),
    evidence: cleanJson(data.evidence),
    action: data.action,
    untilMs: data.until === undefined ? null : epochMs(data.until),
    openedAtMs: timeOf(entry),
    sequence: entry.sequence,
  }
}

function patchFor(patches: Map<string, IncidentPatch>, id: string): IncidentPatch {
  let patch = patches.get(id)
  if (!patch) {
    patch = {
      id,
      report: null,
      reportSource: null,
      reportModel: null,
      reportedAtMs: null,
      acknowledgedAtMs: null,
      acknowledgedBy: null,
      note: null,
      closedAtMs: null,
      closedBy: null,
      closeReason: null,
      joinedInto: null,
      findings: null,
    }
    patches.set(id, patch)
  }
  return patch
}
