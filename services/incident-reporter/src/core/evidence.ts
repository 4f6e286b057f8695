import type { DataOf, FluxgateEvent, IncidentOpened, LogReference } from '@fluxgate/contracts'
import type { Static } from 'typebox'

export type Incident = DataOf<typeof IncidentOpened>
export type Reference = Static<typeof LogReference>

/** An event that the incident cites, or that it could have cited. */
export interface Evidence extends Reference {
  readonly event: FluxgateEvent
}

/** All that a report may rest on. */
export interface CaseFile {
  readonly incident: Incident
  readonly openedAt: string
  /** Where the incident itself stands in the log. */
  readonly reference: Reference
  readonly evidence: readonly Evidence[]
  /** Incidents of the same identity before this one. */
  readonly earlier: number
}

export function referenceText({ stream, sequence }: Reference): string {
  return `${stream}:${sequence}`
}

/** The references among `claimed` that are not in the case file: a report with any of them is refused. */
export function inventedReferences(file: CaseFile, claimed: readonly Reference[]): Reference[] {
  const known = new Set([file.reference, ...file.evidence].map(referenceText))
  return claimed.filter(reference => !known.has(referenceText(reference)))
}
