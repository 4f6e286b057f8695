export { migrate } from './migrate.ts'
export { makeUsers } from './users.ts'
