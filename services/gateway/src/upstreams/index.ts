export { listBody, modelBody } from './model-lists.ts'
export {
  type UpstreamControl,
  UpstreamError,
  type UpstreamListener,
  type Upstreams,
} from './upstream.ts'
export { upstreamMetrics } from './upstream-metrics.ts'
export type { RoutingReport } from './upstream-status.ts'
export { type OpenUpstreams, openUpstreams } from './upstreams.http.ts'
