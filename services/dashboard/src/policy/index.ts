export { DEFAULT_POLICY, openPolicies } from './policies.nats.ts'
export { policyRoutes } from './policy.http.ts'
