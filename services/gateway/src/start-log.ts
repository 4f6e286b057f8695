import { join } from 'node:path'
import { checkedMaker, type EventMaker, eventMaker, type OutgoingEvent } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type NatsLink } from '@fluxgate/nats'
import type { Log, SlotList } from '@fluxgate/runtime'
import type { GatewayConfig } from './config.ts'
import type { Exchange } from './proxy/index.ts'
import { type NodeSpool, openNodeSpool, TakenRequests } from './recovery/index.ts'

/** What every part of a node has at hand. */
export interface NodeContext {
  readonly config: GatewayConfig
  readonly log: Log
  /** ULIDs, each greater than the one before. */
  readonly newId: () => string
  /** Id of this process; sorts by time. */
  readonly boot: string
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  readonly epochMs: () => number
  /** Calls in flight. */
  readonly running: SlotList<Exchange>
}

/** The node's way to the log: NATS, the publisher and the spool behind it. */
export interface EventLog extends AsyncDisposable {
  readonly link: NatsLink
  readonly publisher: EventPublisher
  readonly spool: NodeSpool
  /** CloudEvents `source` of this process. */
  readonly source: string
  readonly make: EventMaker
  /** Returns at once; the event is in the spool, then in the stream. */
  readonly append: (event: OutgoingEvent) => void
  /** Resolves when the event is in the stream. */
  readonly publish: (event: OutgoingEvent) => Promise<unknown>
  /** Calls back when all that was appended until now is safe. */
  readonly committed: (callback: () => void) => void
  readonly isFull: () => boolean
}

/** Events that come within this time leave as one batch of each stream; callers do not wait for it. */
const GATHER_MS = 5

export async function startLog(node: NodeContext): Promise<EventLog> {
  await using stack = new AsyncDisposableStack()
  const { config, log, newId, boot, epochMs, running } = node
  const link = stack.use(await connectNats({ url: config.natsUrl, name: `gateway ${config.node}` }, log))
  await ensureTopology(link, config.logStorage)
  const taken = new TakenRequests()
  const spool = await openNodeSpool(
    link,
    { ...config.spool, root: join(config.dataDir, 'spool'), node: config.node, boot },
    () => contextOf(running, taken),
    () => taken.add(Array.from(running, exchange => exchange.call.id)),
    log,
  )
  const { retainAfterAckMs } = config.spool
  const source = `/gateway/${config.node}/${boot.toLowerCase()}`
  const batches = { source, newId, partitions: config.logPartitions }
  const publisher = stack.use(
    new EventPublisher(link, { retainAfterAckMs, gatherMs: GATHER_MS, batches }, spool.spool),
  )
  const owned = stack.move()
  return {
    link,
    publisher,
    spool,
    source,
    make: checkedMaker(eventMaker(source, newId, epochMs)),
    append(event) {
      if (!taken.covers(event)) publisher.append(event)
    },
    publish: event => publisher.publish(event),
    committed: callback => publisher.committed(callback),
    isFull: () => publisher.full,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What must be known of the running requests when everything before is deleted from the spool. */
function* contextOf(running: Iterable<Exchange>, taken: TakenRequests): Generator<OutgoingEvent> {
  for (const exchange of running) if (!taken.has(exchange.call.id)) yield* exchange.context()
}
