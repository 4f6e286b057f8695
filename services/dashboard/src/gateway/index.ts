export { type GatewayAdmin, openGatewayAdmin } from './admin.http.ts'
export { playRoutes } from './play.http.ts'
export { portalRoutes } from './portal.http.ts'
