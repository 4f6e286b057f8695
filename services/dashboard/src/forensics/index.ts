export { forensicsRoutes } from './forensics.http.ts'
export { openForensics } from './forensics.nats.ts'
