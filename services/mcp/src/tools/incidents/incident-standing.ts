import { type FluxgateEvent, identityText, type StoredEvent } from '@fluxgate/contracts'

/** How an incident stands by its own facts: what it takes to order something about it. */
export type IncidentStatus =
  | { readonly state: 'unknown' }
  | { readonly state: 'open'; readonly identity: string; readonly acknowledgedBy: string | undefined }
  | { readonly state: 'joined'; readonly into: string }
  | { readonly state: 'closed'; readonly by: string; readonly at: string }

/** @param facts all facts about one incident, in their order */
export function statusOf(facts: readonly StoredEvent[]): IncidentStatus {
  let standing: IncidentStatus = { state: 'unknown' }
  for (const { event } of facts) {
    if (standing.state === 'closed') break
    standing = after(standing, event)
  }
  return standing
}

function after(standing: IncidentStatus, event: FluxgateEvent): IncidentStatus {
  switch (event.type) {
    case 'fluxgate.incidents.opened':
      return { state: 'open', identity: identityText(event.data), acknowledgedBy: undefined }
    case 'fluxgate.incidents.joined':
      return { state: 'joined', into: event.data.into }
    case 'fluxgate.incidents.closed':
      return { state: 'closed', by: event.data.actor, at: event.time }
    case 'fluxgate.incidents.acknowledged':
      if (standing.state !== 'open' || standing.acknowledgedBy !== undefined) return standing
      return { ...standing, acknowledgedBy: event.data.actor }
    default:
      return standing
  }
}
