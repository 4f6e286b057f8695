export { type CertificatePair, makeAuthority, makeCertificate } from './certificates.ts'
export {
  ACCOUNT,
  accountsConfig,
  PASSWORD_VARIABLES,
  passwordVariable,
  SYSTEM_USER,
} from './server-config.ts'
export { type NatsUser, USERS } from './users.ts'
