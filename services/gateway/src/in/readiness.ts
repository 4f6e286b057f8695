import type { ReadinessCheck } from '@fluxgate/runtime'
import type { RoutingReport } from '../core/routing/upstream-status.ts'

/** What a node knows of the parts that it cannot serve without. */
export interface NeededParts {
  readonly drain: { readonly begun: boolean }
  readonly log: { readonly full: boolean; readonly fault: string | undefined }
  readonly nats: { isConnected(): boolean }
  readonly throttles: { silentMs(): number }
  /** Model servers that are configured, reachable or not: one that is down is no fault of the node. */
  readonly upstreams: () => Pick<RoutingReport, 'upstreams'>
}

/** Throttles may have changed unseen when the bucket has been silent for longer. */
const SILENCE_LIMIT_MS = 5_000

/** What `/ready` asks. Postgres is not among it: keys that are cached are served without it. */
export function readinessOf({
  drain,
  log,
  nats,
  throttles,
  upstreams,
}: NeededParts): Record<string, ReadinessCheck> {
  return {
    drain: () => (drain.begun ? 'the node is stopping' : undefined),
    log: () => (log.full ? (log.fault ?? 'it takes no new facts') : undefined),
    nats: () => (nats.isConnected() ? undefined : 'disconnected'),
    throttles: () =>
      throttles.silentMs() < SILENCE_LIMIT_MS ? undefined : 'nothing heard of the throttles bucket',
    upstreams: () =>
      upstreams().upstreams.length > 0
        ? undefined
        : 'neither DOWNSTREAM_AI_URLS nor UPSTREAMS_FILE names a model server',
  }
}
