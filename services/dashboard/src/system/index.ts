export type { NodeView } from './answers.ts'
export { postgresError, projectionLag } from './projection-lag.pg.ts'
export { systemRoutes } from './system.http.ts'
