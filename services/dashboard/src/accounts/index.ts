export { namesOf, namesOfIdentity } from './names.pg.ts'
export { userRoutes } from './users.http.ts'
export { keysOf, openUsers } from './users.pg.ts'
