import { type FluxgateEvent, identityText } from '@fluxgate/contracts'

/** The state of an incident by its own events, which decides what may be ordered about it. */
export type IncidentStatus =
  | { readonly state: 'unknown' }
  | { readonly state: 'open'; readonly identity: string; readonly acknowledgedBy: string | undefined }
  | { readonly state: 'joined'; readonly into: string }
  | { readonly state: 'closed'; readonly by: string; readonly at: string }

/** @param events all events of one incident, in their order */
export function incidentStatus(events: readonly FluxgateEvent[]): IncidentStatus {
  let status: IncidentStatus = { state: 'unknown' }
  for (const event of events) {
    if (status.state === 'closed') break
    status = evolve(status, event)
  }
  return status
}

function evolve(status: IncidentStatus, event: FluxgateEvent): IncidentStatus {
  switch (event.type) {
    case 'fluxgate.incidents.opened':
      return { state: 'open', identity: identityText(event.data), acknowledgedBy: undefined }
    case 'fluxgate.incidents.joined':
      return { state: 'joined', into: event.data.into }
    case 'fluxgate.incidents.closed':
      return { state: 'closed', by: event.data.actor, at: event.time }
    case 'fluxgate.incidents.acknowledged':
      if (status.state !== 'open' || status.acknowledgedBy !== undefined) return status
      return { ...status, acknowledgedBy: event.data.actor }
    default:
      return status
  }
}
