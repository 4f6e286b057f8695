export { identityRoutes } from './identities.http.ts'
