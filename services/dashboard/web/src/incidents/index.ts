export { Incident } from './incident.tsx'
export { IncidentList } from './incident-list.tsx'
export { Incidents } from './incidents.tsx'
