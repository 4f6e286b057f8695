export type { NodeView } from './answers.ts'
export { openDeadLetters } from './dead-letters.nats.ts'
export { postgresError, projectionLag } from './projection-lag.pg.ts'
export { systemRoutes } from './system.http.ts'
