export { Identities } from './identities.tsx'
export { IdentityPage } from './identity.tsx'
