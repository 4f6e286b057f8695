export { User } from './user.tsx'
export { TierDialog } from './user-dialogs.tsx'
export { Users } from './users.tsx'
