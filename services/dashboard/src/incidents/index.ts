export { incidentRoutes } from './incidents.http.ts'
export { findIncidentView, listIncidentViews } from './incidents.pg.ts'
export { RecentIncidents } from './recent-incidents.ts'
export { ownersOf } from './throttles.pg.ts'
