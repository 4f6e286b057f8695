export { policyRoutes } from './policy.http.ts'
