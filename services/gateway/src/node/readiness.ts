import type { ReadinessCheck } from '@fluxgate/runtime'

/** What a node knows of the parts that `/ready` tells of. */
export interface NeededParts {
  readonly drain: { readonly begun: boolean }
  readonly log: { readonly full: boolean; readonly fault: string | undefined }
  readonly nats: { isConnected(): boolean }
  readonly throttles: { silentMs(): number }
  /** Model servers that are configured, reachable or not: one that is down is no fault of the node. */
  readonly upstreams: () => { readonly upstreams: readonly unknown[] }
}

/** Throttles may have changed unseen when the bucket has been silent for longer. */
const SILENCE_LIMIT_MS = 5_000

export interface Readiness {
  /** Without one of these no call can be taken. */
  readonly needed: Readonly<Record<string, ReadinessCheck>>
  /** Without these it serves on, from its spool and its caches; `/ready` says so as warnings. */
  readonly degraded: Readonly<Record<string, ReadinessCheck>>
}

/**
 * What `/ready` asks. NATS is not needed: events wait in the spool, keys, throttles and budgets are known, and a
 * balancer that took away each node at once would make an outage of the log an outage of all calls. When the spool is
 * full the log is missing. A node begins to listen with a whole snapshot of the throttles, so it has never none.
 * Postgres is not needed either: keys that are cached are served without it.
 */
export function readinessOf({ drain, log, nats, throttles, upstreams }: NeededParts): Readiness {
  return {
    needed: {
      drain: () => (drain.begun ? 'the node is stopping' : undefined),
      log: () => (log.full ? (log.fault ?? 'it takes no new events') : undefined),
      upstreams: () =>
        upstreams().upstreams.length > 0
          ? undefined
          : 'neither DOWNSTREAM_AI_URLS nor UPSTREAMS_FILE names a model server',
    },
    degraded: {
      nats: () => (nats.isConnected() ? undefined : 'disconnected: events wait in the spool'),
      throttles: () => {
        const silentMs = throttles.silentMs()
        if (silentMs < SILENCE_LIMIT_MS) return undefined
        const seconds = Math.floor(silentMs / 1_000)
        return `nothing heard of the throttles bucket for ${seconds} s: a throttle set meanwhile is not known here`
      },
    },
  }
}
