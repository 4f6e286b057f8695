export { type PortalDeps, registerPortal } from './portal.http.ts'
