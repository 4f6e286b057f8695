export { AcceptedKeys } from './accepted-keys.ts'
export { callerGate } from './caller-gate.ts'
export { credentialsOf, lookUpCredentials } from './credentials.ts'
export { openCallers } from './start-callers.ts'
