export type { LiveThrottle } from './answers.ts'
export type { LiveHub } from './hub.ts'
export { liveRoutes } from './live.http.ts'
export { startLive } from './live.nats.ts'
