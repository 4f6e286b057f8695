export { ExpiryField } from './expiry-field.tsx'
export { KeyTable } from './key-table.tsx'
export { Keys } from './keys.tsx'
export {
  endSession,
  KEYS_PATH,
  type KeyList,
  logOutEverywhere,
  type OwnSession,
  SESSIONS_PATH,
} from './portal.ts'
