import { BUCKETS, type FluxgateEvent, GatewayNode, jsonParser, type Throttle } from '@fluxgate/contracts'
import { Bucket, type NatsLink, NODE_TTL_MS } from '@fluxgate/nats'
import type { PenaltyBox } from '@fluxgate/operations'
import type { Log, ReadinessCheck } from '@fluxgate/runtime'
import type { LiveLimits } from '../config.ts'
import { watchWhenThere } from './bucket-watch.nats.ts'
import { type FeedLimits, LiveFeed } from './feed.nats.ts'
import { LiveHub } from './hub.ts'

export interface LiveSources {
  readonly link: NatsLink
  readonly penaltyBox: PenaltyBox
  /** Part of the ids of frames: another process cannot know what a page has missed. */
  readonly boot: string
  readonly limits: LiveLimits & FeedLimits
  readonly nowMs: () => number
  readonly log: Log
  /** Gets each event of the log besides the hub. */
  readonly onEvent: (event: FluxgateEvent) => void
}

/** The current state of the log and of the buckets. */
export interface Live extends AsyncDisposable {
  readonly hub: LiveHub
  readonly liveNodes: () => GatewayNode[]
  readonly checks: Readonly<Record<string, ReadinessCheck>>
}

/** Follows the log and the buckets of throttles and nodes until disposed. */
export function startLive({ link, penaltyBox, boot, limits, nowMs, log, onEvent }: LiveSources): Live {
  const stack = new AsyncDisposableStack()
  const onError = (error: unknown) => log.error({ err: error }, 'a live connection was closed')
  const hub = new LiveHub(boot, limits, nowMs(), onError)
  const onThrottle = (identity: string, throttle: Throttle | undefined) =>
    hub.throttle(identity, throttle, nowMs())
  const throttles = stack.use(watchWhenThere(link, penaltyBox.bucket, { onChange: onThrottle }, log))
  const nodeBucket = new Bucket(link, BUCKETS.nodes, jsonParser(GatewayNode))
  // The bucket drops the record of a silent node without a message: the reconcile finds out.
  const nodes = stack.use(watchWhenThere(link, nodeBucket, { reconcileMs: NODE_TTL_MS }, log))
  const listener = {
    rewind: (fromMs: number) => hub.rewind(fromMs),
    event: (event: FluxgateEvent, storedAtMs: number) => {
      onEvent(event)
      hub.event(event, storedAtMs)
    },
    tick: (atMs: number) => hub.tick(atMs),
    feed: (connected: boolean, atMs: number) => hub.feed(connected, atMs),
  }
  const feed = stack.use(new LiveFeed(link, listener, limits, log))
  return {
    hub,
    liveNodes: () =>
      [...nodes.entries().values()]
        .filter(node => node.heartbeat > nowMs() - NODE_TTL_MS)
        .sort((a, b) => (a.node < b.node ? -1 : 1)),
    checks: {
      nats: () => (link.isConnected() ? undefined : 'disconnected'),
      log: () => (feed.isLive() ? undefined : 'being read back'),
      throttles: () => (throttles.isThere() ? undefined : 'not there yet'),
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
